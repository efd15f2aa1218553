# SPDX-License-Identifier: Apache-2.0
"""The one line of a message, as tools that parse Rspamd's log read it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.mail import Message
from gatepost.scan.applied import Applied
from gatepost.scan.symbol import Hit, Symbol, SymbolRegistry
from gatepost.serve.result_log import result_line
from gatepost.testing import Letter, mail
from scan_tasks import task_of

REGISTRY = SymbolRegistry()
for name, score in {"DATE_IN_PAST": 4.2, "MIME_GOOD": -0.1, "FROM_HAS_DN": 0.0, "A": 0.1}.items():
    REGISTRY.add(Symbol(name, score), check=name, group="x")

# What such tools take apart: the shape of the line, not our way to make it.
LINE = re.compile(
    r"id: <(?P<mid>[^>]*)>(?:, qid: <(?P<qid>[^>]*)>)?(?:, ip: (?P<ip>[^, ]+))?"
    r"(?:, user: (?P<user>.+?))?(?:, from: <(?P<sender>[^>]*)>)?"
    r", \(default: (?P<flag>[TFS]) \((?P<action>[^)]*)\): "
    r"\[(?P<score>-?[\d.]+|nan)/(?P<required>-?[\d.]+|nan)\] \[(?P<symbols>.*)\]\)"
    r", len: (?P<len>\d+), time: (?P<time>\d+\.\d+)ms, dns req: (?P<dns>\d+)"
    r", digest: <(?P<digest>[0-9a-f]{32})>"
    r"(?:, rcpts: <(?P<rcpts>[^>]*)>)?(?:, mime_rcpts: <(?P<mime_rcpts>[^>]*)>)?"
    r'(?:, forced: (?P<forced>[^"]*) "(?P<why>[^"]*)"; score=(?P<fscore>[^ ]+) '
    r"\(set by (?P<module>[^)]*)\))?(?:, settings_id: (?P<settings>.+))?"
)


def line_of(*hits, letter=None, settings_id="", **more):
    task = task_of(letter, registry=REGISTRY)
    task.settings = Applied(id=settings_id)
    for hit in hits:
        task.result.insert(hit)
    return result_line(task, task.result.verdict(), **more)


def parsed(line):
    found = LINE.fullmatch(line)
    assert found is not None, line
    return found.groupdict()


def test_a_whole_line():
    letter = mail(
        raw=b"From: alice@example.org\r\nTo: bob@example.com\r\n"
        b"Message-ID: <m1@example.org>\r\n\r\nhi",
        ip="203.0.113.7",
        user="alice",
        sender="alice@example.org",
        rcpt="bob@example.com",
        request={"Queue-ID": "4ABC"},
    )
    hits = [Hit("FROM_HAS_DN"), Hit("MIME_GOOD", ("text/plain",)), Hit("DATE_IN_PAST", ("25374",))]
    line = line_of(*hits, letter=letter, settings_id="outbound")
    assert re.sub(r"time: [\d.]+ms|digest: <\w+>", "…", line) == (
        "id: <m1@example.org>, qid: <4ABC>, ip: 203.0.113.7, user: alice, "
        "from: <alice@example.org>, (default: T (greylist): [4.10/15.00] "
        "[DATE_IN_PAST(4.20){25374;},MIME_GOOD(-0.10){text/plain;},FROM_HAS_DN(0.00){}]), "
        "len: 80, …, dns req: 0, …, rcpts: <bob@example.com>, mime_rcpts: <bob@example.com>, "
        "settings_id: outbound"
    )
    assert parsed(line)["digest"] == Message(letter.raw).digest


def test_what_is_not_known_is_left_out():
    letter = Letter(b"Subject: x\r\n\r\n")
    line = re.sub(r"time: [\d.]+ms|digest: <\w+>", "…", line_of(letter=letter))
    assert line == (
        "id: <undef>, (default: F (no action): [0.00/15.00] []), len: 14, …, dns req: 0, …"
    )


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({"From": "<>"}, ", from: <>, "),
        ({"IP": "2001:db8::1"}, ", ip: 2001:db8::1, "),
        ({"IP": "/run/postfix.sock"}, ", ip: /run/postfix.sock, "),
    ],
)
def test_parts(headers, part):
    assert part in line_of(letter=Letter(b"Subject: x\r\n\r\n", tuple(headers.items())))


@pytest.mark.parametrize(
    ("hits", "letter"), [([], "F"), ([Hit("A")], "F"), ([Hit("DATE_IN_PAST")], "T")]
)
def test_spam_or_not(hits, letter):
    assert parsed(line_of(*hits))["flag"] == letter


def test_a_skipped_letter():
    task = task_of(registry=REGISTRY)
    task.result.skipped = True
    found = parsed(result_line(task, task.result.verdict()))
    assert (found["flag"], found["action"]) == ("S", "no action")


@pytest.mark.parametrize(
    ("message", "score", "said"),
    [
        ("Gtube pattern", 15.0, 'forced: reject "Gtube pattern"; score=15.00 (set by gtube)'),
        ("", float("nan"), 'forced: reject "unknown reason"; score=nan (set by gtube)'),
        ('say "no"', float("nan"), "forced: reject \"say 'no'\"; score=nan (set by gtube)"),
    ],
)
def test_a_forced_action(message, score, said):
    task = task_of(registry=REGISTRY)
    task.set_pre_result("reject", message, module="gtube", score=score)
    line = result_line(task, task.result.verdict())
    assert line.endswith(said)
    assert parsed(line)["forced"] == "reject"


def test_heaviest_symbols_come_first_then_by_name():
    hits = [Hit("MIME_GOOD"), Hit("FROM_HAS_DN"), Hit("A"), Hit("DATE_IN_PAST")]
    symbols = parsed(line_of(*hits))["symbols"]
    assert re.findall(r"(\w+)\(", symbols) == ["DATE_IN_PAST", "A", "MIME_GOOD", "FROM_HAS_DN"]


@pytest.mark.parametrize(("limit", "kept"), [(7, 7), (2, 2), (20, 9)])
def test_long_lists_are_cut(limit, kept):
    people = [f"u{i}@example.org" for i in range(9)]
    letter = mail(rcpt=people)
    hit = Hit("A", tuple(f"o{i}" for i in range(9)))
    found = parsed(line_of(hit, letter=letter, max_elements=limit))
    more = kept < 9
    assert found["rcpts"] == ",".join(people[:kept]) + (",..." if more else "")
    assert found["mime_rcpts"] == ",".join(people[:kept]) + (",..." if more else "")
    options = "".join(f"o{i};" for i in range(kept)) + ("...;" if more else "")
    assert found["symbols"] == f"A(0.10){{{options}}}"


def test_what_a_composite_hid_is_not_there():
    task = task_of(registry=REGISTRY)
    task.result.insert(Hit("A"))
    task.result.insert(Hit("DATE_IN_PAST"))
    task.result.remove("DATE_IN_PAST", "both")
    assert parsed(result_line(task, task.result.verdict()))["symbols"] == "A(0.10){}"


OUTSIDE = st.text(max_size=20)


@given(OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE)
def test_nothing_from_outside_makes_a_second_line(queue_id, user, option, name):
    request = {"Queue-ID": queue_id, "User": user}
    letter = mail(request=request, raw=b"Message-ID: <" + option.encode("utf-8", "replace") + b">")
    line = line_of(Hit(name, (option,)), letter=letter, settings_id=option)
    assert line.isprintable()


def test_no_word_of_the_letter_is_in_it():
    letter = mail("the secret body", headers={"Subject": "the secret subject"})
    assert "secret" not in line_of(Hit("A"), letter=letter)
