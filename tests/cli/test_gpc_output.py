# SPDX-License-Identifier: Apache-2.0
"""What gpc prints, line by line."""

import json
import textwrap

import pytest

from gatepost.cli.gpc_client import ScanReply
from gatepost.cli.gpc_options import parse_arguments
from gatepost.cli.gpc_output import (
    Style,
    is_spam,
    number,
    render,
    render_failure,
    sorted_symbols,
)

RESULT = {
    "is_skipped": False,
    "score": 4.0,
    "required_score": 50.0,
    "action": "no action",
    "thresholds": {"reject": 50.0, "add header": 6.0, "greylist": 4.0},
    "symbols": {
        "FROM_HAS_DN": {"name": "FROM_HAS_DN", "score": 0.0, "metric_score": 0.0},
        "DATE_IN_PAST": {
            "name": "DATE_IN_PAST",
            "score": 1.0,
            "metric_score": 1.0,
            "description": "Message date is in the past",
            "options": ["25374", "x"],
        },
        "BAYES_HAM": {"name": "BAYES_HAM", "score": -3.0, "metric_score": -3.0},
    },
    "messages": {"smtp_message": "Gtube pattern", "list": ["a"]},
    "urls": ["example.com"],
    "emails": ["x@example.net"],
    "message-id": "m1@example.org",
    "dkim-signature": ["v=1; a=rsa", "v=1; a=ed25519"],
    "time_real": 0.1,
}


def printed(*argv, result=RESULT, terminal=False, **fields):
    reply = ScanReply(result, [("Server", "x")], 0.40812, fields.get("new_message"))
    return render(reply, "m1.eml", parse_arguments(list(argv)), Style(terminal=terminal))


def test_the_human_output_is_rspamcs():
    assert printed() == textwrap.dedent("""\
        Results for file: m1.eml (0.408 seconds)
        [Metric: default]
        Action: no action
        Spam: false
        Score: 4.00 / 50.00
        Symbol: BAYES_HAM (-3.00)
        Symbol: DATE_IN_PAST (1.00)[25374, x]
        Symbol: FROM_HAS_DN (0.00)
        Message-ID: m1@example.org
        Urls: ["example.com"]
        Emails: ["x@example.net"]
        Message - smtp_message: Gtube pattern
        Message - list: ["a"]
        DKIM-Signature: v=1; a=rsa
        DKIM-Signature: v=1; a=ed25519

        """)


def test_the_report_is_in_spamassassins_manner():
    assert printed("-R", "--sort", "score") == textwrap.dedent("""\
        4.00/4.00/6.00/50.00,action=5:no action,spam=0,skipped=0
        Content analysis details:   (4.00 points, 50.00 required)

         pts rule name              description
        ---- ---------------------- --------------------------------------------------
        -3.0 BAYES_HAM
         1.0 DATE_IN_PAST           Message date is in the past [25374,x]
         0.0 FROM_HAS_DN

        Domains found: ["example.com"]
        Emails found: ["x@example.net"]

        """)


def test_json_is_the_reply_with_file_and_time():
    expected = {**RESULT, "filename": "m1.eml", "scan_time": 0.40812}
    assert json.loads(printed("-j")) == expected
    compact = printed("--compact")
    assert compact.count("\n") == 1
    assert json.loads(compact) == expected
    assert json.loads(printed("-j", "--compact")) == expected


def test_ucl_can_be_read_again():
    ucl = pytest.importorskip("gatepost.ucl")
    head, _, text = printed("--ucl").partition("\n")
    assert head.startswith("Results for file: m1.eml")
    assert ucl.to_plain(ucl.parse(text))["symbols"]["DATE_IN_PAST"]["options"] == ["25374", "x"]


def test_reply_headers_come_first_when_asked_for():
    assert printed("-j", "--headers").startswith("Server: x\n\n{")


def test_a_rewritten_message_is_shown():
    assert printed(new_message=b"new").endswith("\nNew body:\nnew\n\n")


@pytest.mark.parametrize(
    ("action", "spam", "line"),
    [
        ("reject", True, "Spam: true"),
        ("soft reject", True, "Spam: true"),
        ("rewrite subject", True, "Spam: true"),
        ("add header", True, "Spam: true"),
        ("greylist", False, "Spam: false"),
        ("no action", False, "Spam: false"),
        ("quarantine", None, None),
        ("my own", None, None),
    ],
)
def test_spam_is_what_is_worse_than_greylisting(action, spam, line):
    assert is_spam(action) is spam
    lines = printed(result={"action": action}).splitlines()
    assert lines[1:3] == ["[Metric: default]", f"Action: {action}"]
    assert (line in lines) == (line is not None)


def test_subject_and_profile_have_their_lines():
    text = printed(result={"subject": "***", "profile": {"A": 1.5, "B": 20}})
    assert "Subject: ***\n" in text
    assert text.endswith("Profile data:\n\tB: 20.000 ms\n\tA: 1.500 ms\n\n")


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("name", ["BAYES_HAM", "DATE_IN_PAST", "FROM_HAS_DN"]),
        ("name:asc", ["FROM_HAS_DN", "DATE_IN_PAST", "BAYES_HAM"]),
        ("score", ["BAYES_HAM", "DATE_IN_PAST", "FROM_HAS_DN"]),
        ("weight", ["DATE_IN_PAST", "FROM_HAS_DN", "BAYES_HAM"]),
        ("weight:asc", ["BAYES_HAM", "FROM_HAS_DN", "DATE_IN_PAST"]),
        ("hits", ["FROM_HAS_DN", "DATE_IN_PAST", "BAYES_HAM"]),
    ],
)
def test_symbols_can_be_sorted(order, names):
    assert [name for name, _ in sorted_symbols(RESULT, order)] == names


def test_colour_is_for_terminals():
    assert "\x1b" not in printed()
    shown = printed(terminal=True)
    assert "Action: \x1b[32mno action\x1b[0m\n" in shown
    assert "Score: \x1b[1m4.00\x1b[0m / \x1b[1m50.00\x1b[0m\n" in shown


def test_a_letter_does_not_command_the_terminal():
    evil = {"subject": "a\x1b]0;x\x07", "symbols": {"A": {"score": 1, "options": ["\x9b2J"]}}}
    shown = printed(result=evil, terminal=True)
    assert "a?]0;x?" in shown
    assert "(1.00)[?2J]" in shown


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"symbols": [], "messages": [], "score": None, "required_score": "x", "action": 3},
        {"symbols": {"A": None, "B": {"options": "x", "score": []}}, "urls": None, "profile": 1},
        {"error": "no"},
    ],
)
@pytest.mark.parametrize("argv", [[], ["-R"], ["-j"], ["--compact"]])
def test_an_odd_reply_is_printed_all_the_same(result, argv):
    assert printed(*argv, result=result).endswith("\n")


def test_null_is_not_a_number():
    assert "Score: nan / 15.00" in printed(result={"score": None, "required_score": 15})
    assert number("x") == 0


def test_failures_are_printed_where_results_would_be():
    def failure(*argv):
        return render_failure("HTTP error: 500, no", "m1.eml", parse_arguments(list(argv)))

    assert failure() == "Results for file: m1.eml\nHTTP error: 500, no\n\n"
    assert json.loads(failure("-j")) == {"error": "HTTP error: 500, no", "filename": "m1.eml"}
    assert failure("--compact").count("\n") == 1
