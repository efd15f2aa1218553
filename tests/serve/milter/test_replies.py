# SPDX-License-Identifier: Apache-2.0
"""What the MTA gets, written as the client prints it: code, index, fields."""

import pytest

from gatepost.serve.milter import answers as a
from gatepost.serve.milter.options import MilterOptions
from gatepost.serve.milter.replies import answers_to, failure, refusal
from gatepost.serve.reply import CheckReply, HeaderValue, MilterReply
from milter_client import parse_replies

ALL = 0x17D


def reply(action, text=None, **fields):
    return CheckReply(
        is_skipped=False,
        score=0.0,
        required_score=15.0,
        action=action,
        messages={"smtp_message": text} if text else {},
        thresholds={},
        symbols={},
        time_real=0.0,
        **fields,
    )


def said(found, names=(), actions=ALL, **options):
    given = answers_to(found, [name.encode() for name in names], MilterOptions(**options), actions)
    return [str(one) for one in parse_replies(a.encode(given))]


@pytest.mark.parametrize(
    "action, text, options, answers",
    [
        ("no action", None, {}, ["a"]),
        ("greylist", "Try again", {}, ["a"]),
        ("my own", None, {}, ["a"]),
        ("", None, {}, ["t"]),
        ("reject", "Gtube pattern", {}, ["y 554 5.7.1 Gtube pattern"]),
        ("reject", None, {}, ["y 554 5.7.1 Spam message rejected"]),
        ("reject", None, {"reject_message": "No"}, ["y 554 5.7.1 No"]),
        ("reject", "100% spam", {}, ["y 554 5.7.1 100%% spam"]),
        ("reject", "550 5.7.1 No", {}, ["y 550 5.7.1 No"]),
        ("reject", "x", {"discard_on_reject": True}, ["d"]),
        ("reject", "x", {"quarantine_on_reject": True}, ["q x", "a"]),
        ("reject", None, {"quarantine_on_reject": True}, ["q Spam message quarantined", "a"]),
        ("soft reject", "Rate limit", {}, ["y 451 4.7.1 Rate limit"]),
        ("soft reject", None, {}, ["y 451 4.7.1 Try again later"]),
        ("soft reject", None, {"tempfail_message": "Later"}, ["y 451 4.7.1 Later"]),
        ("soft reject", None, {"discard_on_reject": True}, ["y 451 4.7.1 Try again later"]),
        ("add header", None, {}, ["m 1 X-Spam Yes", "a"]),
        ("add header", None, {"spam_header": "X-Bad"}, ["m 1 X-Bad Yes", "a"]),
        ("discard", None, {}, ["d"]),
        ("quarantine", None, {}, ["q Spam message quarantined", "a"]),
        ("quarantine", "held\nback", {"quarantine_message": "x"}, ["q held back", "a"]),
    ],
)
def test_each_action_has_its_answer(action, text, options, answers):
    assert said(reply(action, text), ["Subject"], **options) == answers


def test_add_header_replaces_what_the_sender_wrote():
    names = ["X-Spam", "Subject", "x-spam"]
    assert said(reply("add header"), names) == ["m 2 X-Spam ", "m 1 X-Spam ", "m 1 X-Spam Yes", "a"]


def test_a_removal_by_the_scan_is_not_sent_twice():
    milter = MilterReply(remove_headers={"X-Spam": 0})
    assert said(reply("add header", milter=milter), ["X-Spam"]) == [
        "m 1 X-Spam ",
        "m 1 X-Spam Yes",
        "a",
    ]
    assert said(reply("no action", milter=milter), ["Subject"]) == ["a"]


@pytest.mark.parametrize(
    "names, answers",
    [
        (["Subject"], ["m 1 Subject *** SPAM *** hi", "a"]),
        (["SUBJECT"], ["m 1 Subject *** SPAM *** hi", "a"]),
        (["From"], ["h Subject *** SPAM *** hi", "a"]),
    ],
)
def test_rewrite_subject_changes_or_adds_it(names, answers):
    assert said(reply("rewrite subject", subject="*** SPAM *** hi"), names) == answers


def test_a_long_subject_is_folded_as_mtas_want_it():
    found = said(reply("rewrite subject", subject="=?utf-8?q?a?=\r\n =?utf-8?q?b?="), ["Subject"])
    assert found[0] == "m 1 Subject =?utf-8?q?a?=\n =?utf-8?q?b?="


def test_order_of_edits():
    milter = MilterReply(
        remove_headers={"X-Old": [2, 1]},
        add_headers={
            "X-End": "e",
            "X-Top": HeaderValue("t", 1),
            "X-Two": [HeaderValue("1"), HeaderValue("2", 0)],
        },
        change_from="new@example.org",
        add_rcpt=["<c@example.org>"],
        del_rcpt=["bob@example.com"],
    )
    found = reply("no action", milter=milter, dkim_signature=["v=1; a", "v=1; b"])
    assert said(found, ["X-Old", "X-Old", "Subject"]) == [
        "m 2 X-Old ",
        "m 1 X-Old ",
        "i 1 DKIM-Signature v=1; a",
        "i 2 DKIM-Signature v=1; b",
        "h X-End e",
        "i 3 X-Top t",
        "h X-Two 1",
        "i 0 X-Two 2",
        "e <new@example.org>",
        "+ <c@example.org>",
        "- <bob@example.com>",
        "a",
    ]


def test_a_signature_keeps_its_folds():
    assert said(reply("no action", dkim_signature="v=1;\r\n\tb=x")) == [
        "i 1 DKIM-Signature v=1;\n\tb=x",
        "a",
    ]


@pytest.mark.parametrize(
    "spam_header, marks",
    [
        ("*****", ["m 1 X-Spam *****"]),
        ({"X-Level": "5", "X-Flag": "YES"}, ["m 1 X-Level 5", "m 1 X-Flag YES"]),
    ],
)
def test_the_scans_own_spam_header_does_not_lose_the_signature(spam_header, marks):
    found = reply(
        "add header", milter=MilterReply(spam_header=spam_header), dkim_signature="v=1; s"
    )
    assert said(found) == ["i 1 DKIM-Signature v=1; s", *marks, "a"]


def test_a_spam_header_is_for_add_header_alone():
    assert said(reply("no action", milter=MilterReply(spam_header="x"))) == ["a"]


@pytest.mark.parametrize("action", ["reject", "soft reject", "discard", "add header", "quarantine"])
def test_no_action_lets_everything_pass_and_says_so(action):
    found = reply(action, milter=MilterReply(no_action=True))
    assert said(found) == [f"h X-Rspamd-Action {action}", "a"]


@pytest.mark.parametrize(
    "action, milter, top, answers",
    [
        ("reject", "discard", None, ["d"]),
        ("reject", "quarantine", None, ["q Spam message quarantined", "a"]),
        ("my own", None, "discard", ["d"]),
        ("my own", None, "quarantine", ["q Spam message quarantined", "a"]),
        ("no action", "discard", None, ["a"]),
        ("greylist", None, "discard", ["a"]),
    ],
)
def test_the_scan_may_switch_what_becomes_of_the_message(action, milter, top, answers):
    found = reply(action, milter=MilterReply(reject=milter) if milter else None, reject=top)
    assert said(found) == answers


def test_a_switch_holds_for_one_message():
    options = MilterOptions()
    switched = reply("reject", milter=MilterReply(reject="discard"))
    assert [type(x) for x in answers_to(switched, [], options, ALL)] == [a.Discard]
    assert [type(x) for x in answers_to(reply("reject"), [], options, ALL)] == [a.ReplyCode]


@pytest.mark.parametrize("action", ["reject", "soft reject", "discard"])
def test_what_is_refused_is_not_edited(action):
    found = reply(action, dkim_signature="v=1", milter=MilterReply(add_headers={"X": "1"}))
    assert len(said(found)) == 1


@pytest.mark.parametrize(
    "actions, action, answers",
    [
        (0, "add header", ["a"]),
        (0x01, "add header", ["i 1 DKIM-Signature s", "h X-Spam Yes", "a"]),
        (0x10, "add header", ["m 1 X-Spam Yes", "a"]),
        (0, "quarantine", ["t"]),
        (0, "reject", ["y 554 5.7.1 Spam message rejected"]),
    ],
)
def test_only_what_was_negotiated_is_used(actions, action, answers):
    found = reply(action, dkim_signature="s", milter=MilterReply(add_rcpt=["a@b"]))
    assert said(found, actions=actions, quarantine_on_reject=True) == answers


@pytest.mark.parametrize("address", ["a@b\r\nc", "x" * 2000, "a\0@b"])
def test_bad_addresses_are_not_used(address):
    assert said(reply("no action", milter=MilterReply(add_rcpt=[address]))) == ["a"]


def test_the_null_sender_may_be_set():
    assert said(reply("no action", milter=MilterReply(change_from=""))) == ["e <>", "a"]


@pytest.mark.parametrize(
    "given, answer",
    [
        (lambda: failure(MilterOptions()), "t"),
        (lambda: failure(MilterOptions(on_failure="accept")), "a"),
        (
            lambda: refusal("oversize", MilterOptions()),
            "y 552 5.3.4 Message is too large to be scanned",
        ),
        (lambda: refusal("oversize", MilterOptions(on_oversize="tempfail")), "t"),
        (lambda: refusal("oversize", MilterOptions(on_oversize="accept")), "a"),
        (
            lambda: refusal("busy", MilterOptions(tempfail_message="90% full")),
            "y 452 4.3.1 90%% full",
        ),
    ],
)
def test_without_a_verdict(given, answer):
    assert [str(one) for one in parse_replies(a.encode(given()))] == [answer]
