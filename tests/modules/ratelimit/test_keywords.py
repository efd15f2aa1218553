# SPDX-License-Identifier: Apache-2.0
"""What each word in the name of a rate is for a message."""

from __future__ import annotations

import logging
from ipaddress import IPv4Address, IPv6Address

import pytest

from gatepost.modules.ratelimit.keywords import keywords, own_keyword
from gatepost.scan.module import Module, RunAlways
from gatepost.scan.task import Task
from gatepost.testing import Letter, mail, scan

BOUNCERS = ("postmaster", "")
TWO_FILES = b"""Content-Type: multipart/mixed; boundary=b\r
From: a@example.org\r
\r
--b\r
Content-Type: text/plain\r
\r
Hello\r
--b\r
Content-Type: text/plain; name="one.txt"\r
Content-Disposition: attachment; filename="one.txt"\r
\r
1\r
--b\r
Content-Disposition: attachment; filename="two.txt"\r
\r
2\r
--b--\r
"""


class Nothing(Module):
    """Checks nothing: the test only needs a task."""

    name = "nothing"
    group = "nothing"
    outbound = RunAlways()


async def task_of(letter: Letter) -> Task:
    return (await scan(Nothing, letter)).task


def is_ours(address: IPv4Address | IPv6Address) -> bool:
    return address.is_loopback


@pytest.mark.parametrize(
    "word, letter, value",
    [
        ("user", mail(user="Anna"), "Anna"),
        ("user", mail(user=""), None),
        ("user", mail(), None),
        ("ip", mail(ip="203.0.113.7"), "203.0.113.7"),
        ("ip", mail(ip="2001:DB8::0:7"), "2001:db8::7"),
        ("ip", mail(ip=None), None),
        ("rip", mail(ip="203.0.113.7"), "203.0.113.7"),
        ("rip", mail(ip="127.0.0.1"), None),
        ("rip", mail(ip="127.0.0.1", user="anna"), "127.0.0.1"),
        ("rip", mail(ip=None), None),
        ("from", mail(sender="Alice@Example.ORG"), "alice@example.org"),
        ("from", mail(sender="", headers={"From": "x@example.com"}), ""),
        ("from", mail(sender=None, headers={"From": "X <X@example.com>"}), "x@example.com"),
        ("from", mail(sender=None, headers={"From": ""}), None),
        ("bounce", mail(sender=""), "_"),
        ("bounce", mail(sender=None), "_"),
        ("bounce", mail(sender="postmaster@example.org"), "_"),
        ("bounce", mail(sender="alice@example.org"), None),
        ("to", mail(rcpt=["Bob@Example.net", "eve@example.com"]), "bob@example.net"),
        ("to", mail(request={"Deliver-To": "me@example.net"}), "me@example.net"),
        ("asn", mail(), None),
        ("files", mail(raw=TWO_FILES), "one.txt:two.txt"),
        ("files", mail(), None),
        ("attachments", mail(), None),
    ],
)
async def test_a_word_has_a_value_or_none(word: str, letter: Letter, value: str | None) -> None:
    assert keywords(BOUNCERS, is_ours)[word](await task_of(letter)) == value


async def test_rip_as_in_rspamd_knows_no_local_address() -> None:
    rip = keywords(BOUNCERS, is_ours, local_users=False)["rip"]
    assert rip(await task_of(mail(ip="127.0.0.1", user="anna"))) is None
    assert rip(await task_of(mail(ip="203.0.113.7", user="anna"))) == "203.0.113.7"


async def test_attachments_and_digest_tell_letters_apart() -> None:
    words = keywords(BOUNCERS, is_ours)
    same, again, other = [
        await task_of(mail(raw=raw))
        for raw in (TWO_FILES, TWO_FILES, TWO_FILES.replace(b"2\r\n--b--", b"3\r\n--b--"))
    ]
    for word in ("attachments", "digest"):
        assert words[word](same)
        assert words[word](same) == words[word](again) != words[word](other)


@pytest.mark.parametrize("number, value", [(64496, "64496"), ("64496", "64496"), (None, None)])
async def test_asn_is_what_the_asn_module_found(number: object, value: str | None) -> None:
    task = await task_of(mail())
    task.variables["asn"] = number
    assert keywords(BOUNCERS, is_ours)["asn"](task) == value


@pytest.mark.parametrize("found, value", [("x", "x"), (7, "7"), (None, None), ("", "")])
async def test_ones_own_word_may_be_anything_that_is_text(found: object, value: str | None) -> None:
    assert own_keyword("mine", lambda task: found)(await task_of(mail())) == value


async def test_ones_own_word_that_fails_has_no_value(caplog: pytest.LogCaptureFixture) -> None:
    def broken(task: Task) -> str:
        return str(task.missing)  # type: ignore[attr-defined]

    assert own_keyword("broken", broken)(await task_of(mail())) is None
    (record,) = caplog.records
    assert (record.levelno, "keyword broken failed" in record.message) == (logging.ERROR, True)
