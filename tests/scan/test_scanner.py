# SPDX-License-Identifier: Apache-2.0
"""From bytes and envelope to a finished task: client, direction, settings, test letters."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from gatepost.scan.module import Hit, Module, PlainHits, RunAlways, Skip, Stage, Symbol, runs
from gatepost.scan.scanner import local_test
from gatepost.scan.selectors import parse_selector
from gatepost.scan.task import Task
from gatepost.testing import Letter, mail, scan

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


class Sees(Module):
    """Says what it sees of the client."""

    name = "sees"
    group = "sees"
    outbound = RunAlways()
    SEEN = Symbol("SEEN", 1.0)
    SAVED = Symbol("SAVED", 1.0)

    @runs(Stage.FILTER, callback="SEES")
    def check(self, task: Task) -> PlainHits:
        yield self.SEEN(f"{task.ip} {task.hostname} {task.direction.kind}")

    @runs(Stage.IDEMPOTENT, callback="SAVES", empty=True)
    def save(self, task: Task) -> PlainHits:
        task.variables["saved"] = True
        yield self.SAVED()


class InboundOnly(Module):
    name = "inbound_only"
    group = "inbound_only"
    outbound = Skip(local=True, authenticated=True)
    HIT = Symbol("INBOUND", 1.0)

    @runs(Stage.FILTER, callback="INBOUND")
    def check(self, task: Task) -> PlainHits:
        yield self.HIT()


RECEIVED = (
    "from helo (client.example.net [192.0.2.9]) by mx.example.org; Thu, 1 Jan 2026 00:00:00 +0000"
)


@pytest.mark.parametrize(
    "letter, config, seen",
    [
        (mail(hostname="a.example"), "", "203.0.113.7 a.example inbound"),
        (mail(user="anna"), "", "203.0.113.7 None authenticated"),
        (mail(user=""), "", "203.0.113.7 None inbound"),
        (mail(ip="127.0.0.1"), "", "127.0.0.1 None local"),
        (mail(ip="127.0.0.1", user="anna"), "", "127.0.0.1 None both"),
        (mail(ip="/run/x.sock"), "", "None None local"),
        (mail(ip=None), "", "None None inbound"),
        # an address out of a Received header serves look-ups and makes nobody local
        (
            mail(ip=None, headers={"Received": RECEIVED}),
            "options { local_addrs = [192.0.2.0/24] }",
            "192.0.2.9 client.example.net inbound",
        ),
        (
            mail(ip=None, headers={"Received": RECEIVED}),
            "options { ignore_received = yes }",
            "None None inbound",
        ),
        (
            mail(ip="rubbish", headers={"Received": RECEIVED}),
            "",
            "192.0.2.9 client.example.net inbound",
        ),
        (
            mail(ip="192.0.2.9"),
            "options { local_addrs = [192.0.2.0/24] }",
            "192.0.2.9 None local",
        ),
    ],
)
async def test_who_the_client_is(letter: Letter, config: str, seen: str) -> None:
    assert (await scan(Sees, letter, config=config)).hits["SEEN"] == [seen]


@pytest.mark.parametrize(
    "letter, config, hops",
    [
        (mail(headers={"Received": RECEIVED}), "", ["203.0.113.7", "192.0.2.9"]),
        (mail(ip="192.0.2.9", headers={"Received": RECEIVED}), "", ["192.0.2.9"]),
        (mail(ip=None, headers={"Received": RECEIVED}), "", ["192.0.2.9"]),
        (mail(ip="/run/x.sock", headers={"Received": RECEIVED}), "", ["192.0.2.9"]),
        (mail(), "", []),
        (
            mail(ip="192.0.2.9", headers={"Received": RECEIVED}),
            "options { ignore_received = yes }",
            ["192.0.2.9", "192.0.2.9"],
        ),
    ],
)
async def test_the_client_is_the_last_hop(letter: Letter, config: str, hops: list[str]) -> None:
    task = (await scan(Sees, letter, config=config)).task
    assert [str(hop.real_ip) for hop in task.message.received] == hops
    assert parse_selector("received:real_ip").values(task) == hops


@pytest.mark.parametrize(
    "address, local",
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("fe80::1", True),
        ("fec0::1", True),
        ("192.168.1.1", False),  # only where local_addrs says so
        ("10.1.2.3", True),
        ("169.254.1.1", False),
        ("2001:db8::1", False),
    ],
)
def test_loopback_and_link_local_are_always_ours(address: str, local: bool) -> None:
    ours = ip_network("10.0.0.0/8")
    assert local_test([ours.__contains__])(ip_address(address)) is local


@pytest.mark.parametrize(
    "config, action, score, hits",
    [
        ("", "reject", 15.0, ["GTUBE"]),
        ("actions { reject = 20 }", "reject", 20.0, ["GTUBE"]),
        ("options { gtube_patterns = disabled }", "no action", 1.0, ["SEEN"]),
        (
            "settings { s { ip = 203.0.113.0/24; apply { actions { reject = 7 } } } }",
            "reject",
            7.0,
            ["GTUBE"],
        ),
        ("settings { s { ip = 203.0.113.0/24; whitelist = yes } }", "reject", 15.0, ["GTUBE"]),
    ],
)
async def test_the_test_letter(config: str, action: str, score: float, hits: list[str]) -> None:
    actions = "" if "actions { reject = 20" in config else "actions { reject = 15; add_header = 6 }"
    found = await scan(Sees, mail(GTUBE), config=f"{actions}\n{config}")
    assert (found.action, found.score, list(found.hits)) == (action, score, hits)
    assert found.task.variables["saved"]


async def test_the_test_letter_names_itself_as_rspamd_does() -> None:
    """Log tools look for ``set by GTUBE`` (core reference §10.4)."""
    forced = (await scan(Sees, mail(GTUBE))).task.result.verdict().forced_by
    assert forced is not None and forced.module == "GTUBE"


@pytest.mark.parametrize(
    "letter, config, skipped",
    [
        (mail(), "", ""),
        (mail(request={"Flags": "skip"}), "", "skip flag"),
        (mail(), "settings { s { ip = 203.0.113.7; whitelist = yes } }", "settings"),
        (mail(), 'settings { s { ip = 203.0.113.7; apply { flags = ["skip"] } } }', "settings"),
    ],
)
async def test_a_skipped_letter_is_still_remembered(
    letter: Letter, config: str, skipped: str
) -> None:
    found = await scan(Sees, letter, config=config)
    assert found.outcomes["SEES"].reason == skipped
    assert found.outcomes["SAVES"].outcome == "ran"
    assert found.task.variables["saved"]
    assert "SAVED" not in found.hits


@pytest.mark.parametrize(
    "config, hits, score, action",
    [
        ("apply { scores { SEEN = 7 } }", ["SEEN"], 7.0, "add header"),
        ("apply { actions { add_header = 1 } }", ["SEEN"], 1.0, "add header"),
        ('apply { symbols = ["NEW"] }', ["NEW", "SEEN"], 2.0, "no action"),
        ('apply { symbols_disabled = ["SEEN"] }', [], 0.0, "no action"),
        ('apply { symbols_enabled = ["SEES"] }', ["SEEN"], 1.0, "no action"),
        ('apply { symbols_enabled = ["OTHER"] }', [], 0.0, "no action"),
    ],
)
async def test_settings_are_put_in_force(
    config: str, hits: list[str], score: float, action: str
) -> None:
    rules = "actions { reject = 15; add_header = 6 }\n"
    rules += f"settings {{ s {{ ip = 203.0.113.7; {config} }} }}"
    found = await scan(Sees, mail(), config=rules)
    assert (sorted(found.hits), found.score, found.action) == (hits, score, action)


async def test_settings_by_id_leave_other_messages_alone() -> None:
    config = 'settings { out { id = "out"; apply { scores { SEEN = 9 } } } }'
    asked = await scan(Sees, mail(request={"Settings-ID": "out"}), config=config)
    other = await scan(Sees, mail(), config=config)
    assert (asked.score, other.score) == (9.0, 1.0)
    assert asked.task.settings.id == "out"


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\r\n\r\n"])
async def test_a_letter_without_a_body_is_no_action(raw: bytes) -> None:
    found = await scan(Sees, mail(raw=raw))
    assert (found.action, found.hits) == ("no action", {})
    assert found.outcomes["SEES"].reason == "no data"
    assert found.outcomes["SAVES"].outcome == "ran"


@pytest.mark.parametrize("config, texts", [("yes", 1), ("no", 0)])
async def test_whether_attached_text_counts_as_text(config: str, texts: int) -> None:
    attached = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=a.txt"}
    config = f"options {{ check_text_attachements = {config} }}"
    task = (await scan(Sees, mail(headers=attached), config=config)).task
    assert len(task.message.text_parts) == texts


@pytest.mark.parametrize(
    "request_headers, kind, filename, subject",
    [
        ({}, "text/plain", None, "a letter"),
        ({"Raw": "no"}, "text/plain", None, "a letter"),
        ({"Raw": "yes"}, "application/octet-stream", None, ""),
        ({"Flags": "raw"}, "application/octet-stream", None, ""),
        (
            {"Raw": "yes", "Content-Type": "text/html", "Filename": "a.htm"},
            "text/html",
            "a.htm",
            "",
        ),
    ],
)
async def test_what_is_sent_as_raw_is_not_parsed_as_mime(
    request_headers: dict[str, str], kind: str, filename: str | None, subject: str
) -> None:
    letter = mail(request=request_headers)
    message = (await scan(Sees, letter)).task.message
    [part] = message.parts
    assert (part.content_type.full, part.filename) == (kind, filename)
    assert message.subject == subject
    assert letter.raw.endswith(part.decoded)
    assert (part.decoded == letter.raw) is not message.mime


async def test_explain_has_one_outcome_for_each_check_of_each_module() -> None:
    found = await scan([Sees, InboundOnly], mail(user="anna"))
    assert {o.name: (o.outcome, o.reason, o.option) for o in found.outcomes.values()} == {
        "INBOUND": ("skipped", "authenticated", "inbound_only.check_authed"),
        "SEES": ("ran", "", None),
        "SAVES": ("ran", "", None),
    }


async def test_a_raising_module_does_not_raise_out_of_the_scan() -> None:
    class Broken(Module):
        name = "broken"
        group = "broken"
        outbound = RunAlways()

        @runs(Stage.FILTER, callback="BROKEN")
        def check(self, task: Task) -> Iterator[Hit]:
            raise RuntimeError("oops")

    found = await scan([Broken, Sees], mail())
    assert found.outcomes["BROKEN"].reason == "RuntimeError: oops"
    assert "SEEN" in found.hits
