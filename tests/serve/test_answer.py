# SPDX-License-Identifier: Apache-2.0
"""What a client reads of a finished scan."""

import json
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.mail import Message
from gatepost.scan.actions import Action, ActionTable
from gatepost.scan.applied import Applied
from gatepost.scan.result import PreResult, Result
from gatepost.scan.symbol import Group, Hit, Symbol, SymbolRegistry
from gatepost.serve.answer import AnswerOptions, build_reply, rewritten_subject
from gatepost.serve.http_reply import encode_reply
from gatepost.testing import mail
from scan_tasks import task_of

REGISTRY = SymbolRegistry(groups=[Group("shown", "a group", public=True), Group("hidden")])
REGISTRY.add(Symbol("GOOD", -1.0, "good", group="shown"), check="GOOD", group="x")
REGISTRY.add(Symbol("BAD", 5.5, group="hidden", groups=("shown",)), check="BAD", group="x")


def finished(*hits, letter=None, actions=None, **settings):
    """A task of which these hits are the outcome."""
    task = task_of(letter, registry=REGISTRY)
    if actions is not None:
        task.result = Result(REGISTRY, ActionTable(actions))
    task.settings = Applied(**settings)
    for hit in hits:
        task.result.insert(hit)
    return task


def answer(task, **options):
    """The reply as a client parses it."""
    return json.loads(
        encode_reply(build_reply(task, task.result.verdict(), AnswerOptions(**options)))
    )


def test_a_plain_letter():
    found = answer(finished(Hit("BAD", ("one", "two")), Hit("GOOD")))
    time_real = found.pop("time_real")
    assert 0 <= time_real < 5
    assert found == {
        "is_skipped": False,
        "score": 4.5,
        "required_score": 15.0,
        "action": "greylist",
        "thresholds": {"reject": 15.0, "add header": 6.0, "greylist": 4.0},
        "symbols": {
            "BAD": {"name": "BAD", "score": 5.5, "metric_score": 5.5, "options": ["one", "two"]},
            "GOOD": {"name": "GOOD", "score": -1.0, "metric_score": -1.0, "description": "good"},
        },
        "messages": {},
        "message-id": "letter@example.org",
    }  # fmt: skip


def test_thresholds_are_given_highest_first():
    found = answer(finished())
    assert list(found["thresholds"]) == ["reject", "add header", "greylist"]


def test_what_composites_took_away():
    task = finished(Hit("BAD"), Hit("GOOD"))
    task.result.remove("BAD", "weight")
    task.result.remove("GOOD", "symbol")
    found = answer(task)
    assert found["symbols"] == {"BAD": {"name": "BAD", "score": 0.0, "metric_score": 5.5}}
    assert found["score"] == -1.0


def test_who_forced_the_action():
    task = finished(Hit("BAD"))
    task.set_pre_result("soft reject", "come back", module="ratelimit")
    found = answer(task)
    assert found["action"] == "soft reject"
    assert found["passthrough_module"] == "ratelimit"
    assert found["messages"] == {"smtp_message": "come back"}


def test_a_skipped_letter():
    task = finished()
    task.result.skipped = True
    found = answer(task)
    assert (found["is_skipped"], found["action"], found["symbols"]) == (True, "no action", {})


@pytest.mark.parametrize("milter", ["discard", "quarantine"])
def test_a_custom_action_that_means_a_milter_action(milter):
    task = finished(Hit("BAD"), actions=[Action("the bin", 5.0, milter=milter)])
    found = answer(task)
    assert (found["action"], found["reject"]) == ("the bin", milter)


def test_without_any_threshold_the_required_score_is_null():
    found = answer(finished(actions=[]))
    assert (found["required_score"], found["thresholds"]) == (None, {})


# The subject


@pytest.mark.parametrize(
    ("old", "template", "new"),
    [
        ("hello", "*** SPAM *** %s", "*** SPAM *** hello"),
        ("hello", "[%d] %s", "[7.50] hello"),
        ("hello", "100%% %s", "100% hello"),
        ("hello", "%x %s %", "%x hello %"),
        ("50% off %d", "SPAM %s", "SPAM 50% off %d"),  # the old subject is no template
        ("", "SPAM %s", "SPAM"),
        ("a\tb", "SPAM %s", "SPAM a b"),
        ("a\r\nBcc: x", "SPAM %s", "SPAM a Bcc: x"),
    ],
)
def test_rewritten_subject(old, template, new):
    assert rewritten_subject(old, 7.5, template) == new


@pytest.mark.parametrize(
    "old", ["Grüße aus Köln", "漢字" * 100, "a\x07b", "x\udcffy", "=?utf-8?q?x?= ü"]
)
def test_a_subject_that_is_not_ascii_is_encoded_and_folded(old):
    new = rewritten_subject(old, 1.0, "SPAM %s")
    assert new.isascii()
    assert all(len(line) <= 78 for line in new.split("\r\n"))
    assert all(line.startswith(" ") for line in new.split("\r\n")[1:])
    expected = f"SPAM {old}".encode("utf-8", "replace").decode()
    assert str(make_header(decode_header(new.replace("\r\n", "")))) == expected


@pytest.mark.parametrize(
    ("options", "settings", "subject"),
    [
        ({}, {}, "*** SPAM *** a letter"),
        ({"subject": "[conf] %s"}, {}, "[conf] a letter"),
        ({"subject": "[conf] %s"}, {"subject": "[settings] %s"}, "[settings] a letter"),
    ],
)
def test_whose_template_the_subject_is_made_by(options, settings, subject):
    task = finished(Hit("BAD"), actions=[Action("rewrite subject", 5.0)], **settings)
    assert answer(task, **options)["subject"] == subject


def test_the_subject_is_only_given_with_its_action():
    assert "subject" not in answer(finished(Hit("BAD")))


# Links, groups, headers

LINKS = mail(
    "http://one.example.com/a?x=1 http://one.example.com/b https://two.example.org/\r\n"
    "me@mail.example.org\r\n"
)


def test_links_are_given_as_host_names_once():
    found = answer(finished(letter=LINKS))
    assert sorted(found["urls"]) == ["one.example.com", "two.example.org"]
    assert found["emails"] == ["me@mail.example.org"]


def test_links_are_given_in_full_on_request():
    task = finished(letter=LINKS)
    task.flags.add("ext_urls")
    found = answer(task)
    first = next(one for one in found["urls"] if one["url"].endswith("/a?x=1"))
    assert (first["host"], first["tld"]) == ("one.example.com", "example.com")
    assert isinstance(first["flags"], list)


def test_an_empty_letter_has_no_message_id():
    task = finished()
    task.message = Message(b"")
    found = answer(task)
    assert not {"message-id", "urls", "emails"} & set(found)


@pytest.mark.parametrize(
    ("public_only", "groups"),
    [
        (
            False,
            {
                "shown": {"name": "shown", "score": 4.5, "description": "a group"},
                "hidden": {"name": "hidden", "score": 5.5},
            },
        ),
        (True, {"shown": {"name": "shown", "score": 4.5, "description": "a group"}}),
    ],
)
def test_groups(public_only, groups):
    task = finished(Hit("BAD"), Hit("GOOD"))
    assert "groups" not in answer(task)
    task.flags.add("groups")
    assert answer(task, public_groups_only=public_only)["groups"] == groups


@pytest.mark.parametrize(
    ("signatures", "value"), [(["v=1; a"], "v=1; a"), (["v=1; a", "v=1; b"], ["v=1; a", "v=1; b"])]
)
def test_signatures(signatures, value):
    task = finished()
    task.dkim_signatures.extend(signatures)
    assert answer(task)["dkim-signature"] == value


@pytest.mark.parametrize(
    ("settings", "milter"),
    [
        ({"add_headers": {"X-A": "1"}}, {"add_headers": {"X-A": "1"}}),
        ({"add_headers": {"X-A": 5}}, {"add_headers": {"X-A": "5"}}),
        (
            {"add_headers": {"X-A": {"value": "1", "order": 2}}},
            {"add_headers": {"X-A": {"value": "1", "order": 2}}},
        ),
        (
            {"add_headers": {"X-A": {"value": "1", "index": 0}}},
            {"add_headers": {"X-A": {"value": "1", "order": 0}}},
        ),
        (
            {"add_headers": {"X-A": ["1", {"value": "2"}]}},
            {"add_headers": {"X-A": [{"value": "1"}, {"value": "2"}]}},
        ),
        ({"add_headers": {"X-A": "a\r\nX-B: b"}}, {"add_headers": {"X-A": "a X-B: b"}}),
        (
            {"add_headers": {"X-A": {"value": "1", "order": 10**400}}},
            {"add_headers": {"X-A": {"value": "1", "order": 1_000_000}}},
        ),
        (
            {"add_headers": {"X-A": {"value": "1", "order": "first"}}},
            {"add_headers": {"X-A": {"value": "1", "order": -1}}},
        ),
        ({"remove_headers": {"X-A": 0}}, {"remove_headers": {"X-A": 0}}),
        ({"remove_headers": {"X-A": -1}}, {"remove_headers": {"X-A": -1}}),
        ({"remove_headers": {"X-A": [1, 2]}}, {"remove_headers": {"X-A": [1, 2]}}),
        ({"remove_headers": {"X-A": "all", "X-B": []}}, {"remove_headers": {"X-A": 0, "X-B": 0}}),
        ({}, None),
    ],
)  # fmt: skip
def test_headers_from_settings(settings, milter):
    assert answer(finished(**settings)).get("milter") == milter


def test_headers_of_modules():
    task = finished()
    task.add_header("X-A", "1")
    task.add_header("X-A", "2", 0)
    task.add_header("X-B", "3", 1)
    task.remove_header("X-C", -1)
    assert answer(task)["milter"] == {
        "add_headers": {
            "X-A": [{"value": "1"}, {"value": "2", "order": 0}],
            "X-B": {"value": "3", "order": 1},
        },
        "remove_headers": {"X-C": -1},
    }


def test_a_module_adds_to_a_header_of_settings():
    task = finished(add_headers={"X-A": "0"})
    task.add_header("X-A", "1")
    assert answer(task)["milter"]["add_headers"] == {"X-A": [{"value": "0"}, {"value": "1"}]}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "order", "index"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.binary(max_size=200), st.dictionaries(st.text(), ANYTHING, max_size=3), st.text())
def test_any_letter_and_any_settings_can_be_answered(raw, headers, subject):
    task = finished(
        Hit("BAD", (subject,)),
        letter=mail(raw=raw),
        actions=[Action("rewrite subject", 5.0)],
        add_headers=headers,
        remove_headers=headers,
        subject=subject,
    )
    task.result.set_pre_result(PreResult("add header", subject, "x", least=True))
    assert answer(task)["symbols"]["BAD"]["score"] == 5.5


@pytest.mark.parametrize("protocol, shown", [("http", True), ("command", True), ("milter", False)])
def test_urls_are_not_looked_for_where_the_protocol_cannot_show_them(
    protocol: str, shown: bool
) -> None:
    task = finished(letter=LINKS)
    task.envelope.protocol = protocol
    assert ("urls" in answer(task)) is shown
