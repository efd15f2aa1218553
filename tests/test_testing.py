# SPDX-License-Identifier: Apache-2.0
"""Does the kit that tests are built with do what it says?"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config import ConfigError
from gatepost.net import Mx, Soa
from gatepost.scan.module import Hits, Module, ModuleOptions, Skip, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.store.sqlite import SqliteStore
from gatepost.testing import NOW, Bench, Zone, build_app, explain, mail, scan, zone


class Counts(Module):
    """How often was this sender here, and who takes its mail?"""

    name = "counts"
    group = "counts"
    outbound = Skip(local=True, authenticated=True)

    HERE = Symbol("HERE", 2.0)

    class Options(ModuleOptions, frozen=True):
        """One option."""

        prefix: str = "c:"

    options: Options

    @runs(Stage.FILTER, callback="COUNTS")
    async def check(self, task: Task) -> Hits:
        """Counts, asks and tells the time."""
        count = await task.store.increment(self.options.prefix + task.sender_domain, expire=60)
        answer = await task.resolver.query(task.sender_domain, "MX")
        yield self.HERE(str(count), answer.rcode, f"{task.now:.0f}")


class Other(Module):
    """A second one."""

    name = "other"
    group = "other"
    outbound = Skip()

    ALSO = Symbol("ALSO", 0.5)

    @runs(Stage.FILTER, callback="OTHER")
    def check(self, task: Task) -> list[object]:
        """Always."""
        return [self.ALSO()]


# Letters


async def test_a_letter_is_an_ordinary_one_unless_told_otherwise() -> None:
    task = (await scan(Other, mail())).task
    assert (str(task.ip), task.user, task.helo) == ("203.0.113.7", None, "client.example.org")
    assert task.sender is not None
    assert task.sender.addr == "alice@example.org"
    assert [rcpt.addr for rcpt in task.recipients] == ["bob@example.net"]
    assert task.message.subject == "a letter"
    assert task.message.date == NOW == task.now
    assert task.message.text_parts[0].text.strip() == "Hello"
    assert not task.direction.outbound


@pytest.mark.parametrize(
    "given, header, value",
    [
        ({}, "From", "alice@example.org"),
        ({"sender": ""}, "From", "MAILER-DAEMON@example.org"),
        ({"rcpt": ["a@x.example", "b@x.example"]}, "To", "a@x.example, b@x.example"),
        ({"headers": {"Subject": "other"}}, "Subject", "other"),
        ({"headers": {"Subject": ""}}, "Subject", None),
        ({"headers": {"X-New": "new"}}, "X-New", "new"),
        ({"raw": b"Subject: raw\r\n\r\n"}, "Subject", "raw"),
        ({"raw": b"Subject: raw\r\n\r\n"}, "From", None),
    ],
)
async def test_headers_of_a_letter(given: dict, header: str, value: str | None) -> None:
    assert (await scan(Other, mail(**given))).task.message.headers.get(header) == value


async def test_a_header_may_come_several_times() -> None:
    letter = mail(headers={"Received": ["from a by b", "from c by d"]})
    task = (await scan(Other, letter)).task
    assert [header.value for header in task.message.headers.get_all("Received")] == [
        "from a by b",
        "from c by d",
    ]


async def test_what_the_mta_says_is_said_as_request_headers() -> None:
    letter = mail(
        b"\xff",
        ip="2001:db8::1",
        user="anna@example.org",
        hostname="h.example",
        helo=None,
        sender=None,
        request={"Queue-Id": "4711", "MTA-Tag": "x"},
    )
    task = (await scan(Other, letter)).task
    assert (str(task.ip), task.hostname, task.helo) == ("2001:db8::1", "h.example", None)
    assert (task.user, task.user_domain) == ("anna@example.org", "example.org")
    assert task.sender is None
    assert (task.envelope.queue_id, task.envelope.header("mta-tag")) == ("4711", "x")
    assert task.message.raw.endswith(b"\r\n\r\n\xff")


# DNS


@pytest.mark.parametrize(
    "name, kind, rcode, records",
    [
        ("a.example", "A", "noerror", ("192.0.2.1", "192.0.2.2")),
        ("A.EXAMPLE.", "A", "noerror", ("192.0.2.1", "192.0.2.2")),
        ("a.example", "MX", "noerror", (Mx(10, "mx.a.example"),)),
        ("a.example", "TXT", "noerror", (b"v=spf1 -all",)),
        ("a.example", "NS", "norec", ()),
        ("b.example", "A", "nxdomain", ()),
        ("null.example", "MX", "noerror", (Mx(0, "."),)),
        ("z.example", "SOA", "noerror", (Soa("ns.z.example", "root.z.example", 1, 2, 3, 4, 5),)),
        ("down.example", "A", "servfail", ()),
        ("slow.example", "TXT", "timeout", ()),
        ("down.example", "MX", "nxdomain", ()),
    ],
)
async def test_a_zone_answers_as_it_is_written(
    name: str, kind: str, rcode: str, records: tuple[object, ...]
) -> None:
    dns = zone(
        "a.example. A 192.0.2.1",
        "a.example. A 192.0.2.2",
        "a.example. MX 10 mx.a.example.",
        "a.example. TXT 'v=spf1 ' '-all'",
        "null.example. MX 0 .",
        "z.example. SOA ns.z.example. root.z.example. 1 2 3 4 5",
        fail=["A down.example.", "TXT slow.example. timeout"],
    )
    answer = await dns.query(name, kind)  # type: ignore[arg-type]
    assert (answer.rcode, answer.records) == (rcode, records)
    assert dns.asked == [(name.rstrip(".").lower(), kind)]


@pytest.mark.parametrize(
    "record, fail", [("a. SRV 1", ()), (None, ["HINFO a."]), (None, ["A a. no"])]
)
def test_a_zone_with_a_mistake_is_refused(record: str | None, fail: list[str]) -> None:
    with pytest.raises(ValueError, match="unknown r"):
        Zone([record] if record else [], fail)


# Scans


async def test_a_scan_says_what_was_found_and_why_not() -> None:
    dns = zone("example.org. MX 10 mx.example.org.")
    result = await scan([Counts, Other], mail(), dns=dns, config="actions { greylist = 2; }")
    assert result.hits == {"HERE": ["1", "noerror", f"{NOW:.0f}"], "ALSO": []}
    assert result.scores == {"HERE": 2.0, "ALSO": 0.5}
    assert (result.score, result.action, result.skipped) == (2.5, "greylist", "")
    assert set(result.outcomes) == {"COUNTS", "OTHER"}


@pytest.mark.parametrize(
    "letter, skipped",
    [(mail(user="anna"), "authenticated"), (mail(ip="127.0.0.1"), "local"), (mail(), "")],
)
async def test_why_a_check_did_not_run(letter: object, skipped: str) -> None:
    assert (await explain(Counts, letter)).skipped == skipped  # type: ignore[arg-type]


async def test_a_bench_keeps_its_state_and_its_clock_until_it_is_closed() -> None:
    async with Bench([Counts], config='counts { prefix = "x:"; }') as bench:
        assert (await bench.scan(mail())).hits["HERE"][0] == "1"
        assert (await bench.scan(mail(), now=NOW + 5)).hits["HERE"] == [
            *("2", "nxdomain", f"{NOW + 5:.0f}")
        ]
        assert await bench.store.get("x:example.org") == b"2"
        scratch = bench.app.config.state
        assert scratch.is_dir()
    assert not scratch.exists()


async def test_each_scan_on_its_own_starts_with_nothing() -> None:
    for _ in range(2):
        assert (await scan(Counts, mail())).hits["HERE"][0] == "1"


async def test_a_store_that_is_handed_in_stays_its_owners(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.sqlite")
    await scan(Counts, mail(), store=store)
    assert await store.get("c:example.org") == b"1"
    await store.close()


async def test_settings_that_matched_are_shown() -> None:
    config = 'settings { mine { user = "anna"; apply { symbols_disabled = ["OTHER"]; } } }'
    result = await scan(Other, mail(user="anna"), config=config)
    assert [(match.name, match.matched) for match in result.settings] == [("mine", True)]
    assert result.skipped == "settings"


def test_a_mistake_in_the_configuration_is_raised_as_serve_would() -> None:
    with pytest.raises(ConfigError, match=r"test\.conf:2: error: counts\.prefx: unknown key"):
        build_app([Counts], config="counts {\n prefx = x; }")
