# SPDX-License-Identifier: Apache-2.0
"""The same configuration folder and the same messages through Debian's Rspamd and through us."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from gatepost_server import run_gatepost
from letters import ADD_HEADER, GTUBE, NO_ACTION, REWRITE_SUBJECT, check, letter
from servers_redis import needs_redis, start_redis
from servers_rspamd import needs_rspamd, run_rspamd
from signing_keys import make_signing_keys

pytestmark = [*needs_rspamd, *needs_redis]

BURST = 30
PUBLIC, LOCAL, LISTED = "203.0.113.7", "10.0.0.5", "198.51.100.9"

SHARED = {
    "local.d/actions.conf": "rewrite_subject = 10;",
    # They have scores, and ask the DNS for names.
    "local.d/once_received.conf": "enabled = false;",
    "local.d/hfilter.conf": "enabled = false;",
    # It would refuse letters because of the letters before them; it has a test of its own.
    "local.d/greylist.conf": "enabled = false;",
    "local.d/groups.conf": """
        group "wire" {
          symbols {
            WIRE_FIVE { weight = 5.0; }
            WIRE_TWENTY { weight = 20.0; }
          }
        }
    """,
    "local.d/ratelimit.conf": f"""
        rates {{ user = {{ bucket = {{ burst = {BURST}; rate = "{BURST} / 1d"; }} }} }}
    """,
    "local.d/settings.conf": """
        by_id { id = "outbound"; apply { symbols = ["WIRE_FIVE"]; actions { "add header" = 4; } } }
        by_name {
          priority = high;
          request_header { "MTA-Name" = "/^ORIGINATING$/"; }
          apply { symbols = ["WIRE_FIVE"]; actions { reject = 4; } }
        }
        by_user {
          priority = medium;
          user = "carol@example.org";
          apply {
            symbols = ["WIRE_FIVE"];
            actions { reject = null; "add header" = null; greylist = null; }
          }
        }
        by_ip { ip = "198.51.100.0/24"; apply { symbols = ["WIRE_TWENTY"]; } }
        by_sender {
          from = "@news.example.org";
          apply {
            symbols = ["WIRE_FIVE"];
            actions { "rewrite subject" = 4.5; }
            subject = "[spam] %s";
          }
        }
        by_two {
          priority = medium;
          local = yes;
          rcpt = "list@example.com";
          apply { symbols = ["WIRE_FIVE"]; actions { "add header" = 4.5; } }
        }
        by_subject {
          header { Subject = "/^invoice/i"; }
          apply { symbols = ["WIRE_TWENTY"]; actions { reject = 30; "add header" = 15; } }
        }
        trusted { priority = high; user = "root@example.org"; want_spam = yes; }
    """,
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The scan ports of the two, ours first."""
    folder = tmp_path_factory.mktemp("pair")
    signing, _ = make_signing_keys(folder, ["s1"])
    shared = SHARED | {"local.d/dkim_signing.conf": signing}
    with ExitStack() as stack:
        redis = start_redis(folder)
        stack.callback(redis.stop)
        ours = {"local.d/options.inc": "gtube_patterns = all;"}
        theirs = {
            "local.d/options.inc": "enable_test_patterns = true;",
            "local.d/redis.conf": f'servers = "{redis.address}";',
        }
        gatepost = stack.enter_context(run_gatepost(folder / "gatepost", shared | ours))
        rspamd = stack.enter_context(run_rspamd(folder / "rspamd", shared | theirs))
        yield gatepost.scan, rspamd.scan


def _envelope(
    user: str = "", ip: str = PUBLIC, sender: str = "alice@example.org", **more: str
) -> list[tuple[str, str]]:
    recipient = more.pop("recipient", "bob@example.com")
    headers = [("IP", ip), ("From", f"<{sender}>"), ("Rcpt", f"<{recipient}>")]
    headers += [(name.replace("_", "-"), value) for name, value in more.items()]
    return headers + ([("User", user)] if user else [])


def _verdict(reply: dict[str, Any]) -> dict[str, Any]:
    """What an MTA sees of a reply."""
    return {
        "action": reply["action"],
        "required_score": reply["required_score"],
        "subject": reply.get("subject"),
        "text": reply["messages"].get("smtp_message") if "reject" in reply["action"] else None,
    }


def _name(value: object) -> str:
    """A case's name in pytest's list: what it has that others have not."""
    if isinstance(value, list):
        usual = _envelope()
        return " ".join(f"{name}={text}" for name, text in value if (name, text) not in usual)
    if isinstance(value, bytes):
        return ""
    return str(value).split("*")[0]


@pytest.mark.parametrize("user", ["", "alice@example.org"])
@pytest.mark.parametrize(
    ("text", "action"),
    [
        (GTUBE, "reject"),
        (ADD_HEADER, "add header"),
        (REWRITE_SUBJECT, "rewrite subject"),
        (NO_ACTION, "no action"),
        ("See you at noon.", "no action"),
    ],
    ids=_name,
)
def test_test_patterns_have_the_same_verdict(
    pair: tuple[str, str], text: str, action: str, user: str
) -> None:
    ours, theirs = (_verdict(check(port, letter(text), _envelope(user))) for port in pair)
    assert ours["action"] == action
    assert ours == theirs


@pytest.mark.parametrize(
    ("envelope", "message", "action"),
    [
        (_envelope(), letter(), "no action"),
        (_envelope(Settings_ID="outbound"), letter(), "add header"),
        (_envelope(Settings_ID="unknown"), letter(), "no action"),
        (_envelope(MTA_Name="ORIGINATING"), letter(), "reject"),
        (_envelope(MTA_Name="ORIGINATING", Settings_ID="outbound"), letter(), "reject"),
        (_envelope("carol@example.org"), letter(), "no action"),
        (_envelope("carol@example.org", Settings_ID="outbound"), letter(), "no action"),
        (_envelope(ip=LISTED), letter(), "reject"),
        (_envelope(ip=LISTED, Settings_ID="outbound"), letter(), "add header"),
        (_envelope(sender="x@news.example.org"), letter(), "rewrite subject"),
        (_envelope(sender="x@example.org"), letter(), "no action"),
        (_envelope(ip=LOCAL, recipient="list@example.com"), letter(), "add header"),
        (_envelope(recipient="list@example.com"), letter(), "no action"),
        (_envelope(), letter(subject="Invoice 7"), "add header"),
        (_envelope(), letter(subject="Your invoice"), "no action"),
        (_envelope("root@example.org"), letter(), "no action"),
        (
            _envelope(Settings=json.dumps({"symbols": ["WIRE_FIVE"], "actions": {"reject": 4.5}})),
            letter(),
            "reject",
        ),
    ],
    ids=_name,
)
def test_settings_have_the_same_verdict(
    pair: tuple[str, str], envelope: list[tuple[str, str]], message: bytes, action: str
) -> None:
    ours, theirs = (_verdict(check(port, message, envelope)) for port in pair)
    assert ours["action"] == action
    assert ours == theirs


def test_a_user_is_limited_at_the_same_message_in_the_same_words(pair: tuple[str, str]) -> None:
    envelope = _envelope("fred@example.org")
    ours, theirs = (
        [_verdict(check(port, letter(), envelope)) for _ in range(BURST + 2)] for port in pair
    )
    assert [one["action"] for one in ours] == ["no action"] * BURST + ["soft reject"] * 2
    assert ours == theirs


@pytest.mark.parametrize(
    ("envelope", "message", "signed"),
    [
        (_envelope("dora@example.org"), letter(), True),
        (_envelope("dora@example.org", ip=LOCAL), letter(), True),
        (_envelope("dora"), letter(), False),
        (_envelope("dora@example.net"), letter(), False),
        (_envelope(ip=LOCAL), letter(), True),
        (_envelope(ip=PUBLIC), letter(), False),
        (_envelope("dora@example.org", sender=""), letter(), True),
        (_envelope("dora@example.org", sender="x@example.net"), letter(), False),
        (_envelope("dora@example.org", sender="x@lists.example.org"), letter(), True),
        (_envelope("dora@example.org"), letter(sender="x@sub.example.org"), True),
        (_envelope("dora@example.org"), letter(sender="x@example.net"), False),
        (_envelope("dora@example.org"), letter(sender="a@example.org, b@example.org"), False),
        (_envelope("dora@example.org"), letter(headers=[("Reply-To", "x@example.net")]), True),
        (_envelope("dora@example.org"), letter("two  blanks \r\n\r\n\r\n"), True),
        (_envelope("dora@example.org"), letter(""), True),
        (
            _envelope("dora@example.org"),
            letter(headers=[("X-Mailer", "none"), ("Cc", "c@d.e")]),
            True,
        ),
        (_envelope("eva@example.org"), letter(GTUBE), False),
        (_envelope("eva@example.org"), letter(ADD_HEADER), False),
    ],
    ids=_name,
)
def test_signatures_say_the_same(
    pair: tuple[str, str], envelope: list[tuple[str, str]], message: bytes, signed: bool
) -> None:
    ours, theirs = (_signature(check(port, message, envelope)) for port in pair)
    assert bool(ours) is signed
    assert ours == theirs


def _signature(reply: dict[str, Any]) -> dict[str, str]:
    """The tags of a reply's signature, those apart that depend on the moment."""
    value = re.sub(r"\s", "", reply.get("dkim-signature", ""))
    tags = dict(tag.split("=", 1) for tag in value.split(";") if tag)
    return {name: text for name, text in tags.items() if name not in ("t", "b")}
