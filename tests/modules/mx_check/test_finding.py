# SPDX-License-Identifier: Apache-2.0
"""Where a domain takes mail, and what is asked of the DNS and of the store for it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatepost.modules.mx_check.finding import Finder
from gatepost.modules.mx_check.records import Domain, Families, Host
from gatepost.net import Mx, TaskResolver
from gatepost.store import Store
from gatepost.testing import Zone, zone
from scan_tasks import task_of

FOUR, SIX = ip_address("8.8.8.8"), ip_address("2a00::1")
RECORDS = (
    "good.example. MX 20 b.example.",
    "good.example. MX 10 a.example.",
    "a.example. A 8.8.8.8",
    "a.example. AAAA 2a00::1",
    "six.example. AAAA 2a00::1",
    "null.example. MX 0 .",
    "service.example. MX 10 _dc-mx.example.",
    "three.example. MX 1 _a.example.",
    "three.example. MX 2 b.example.",
    "three.example. MX 3 c.example.",
    "three.example. MX 4 d.example.",
    "three.example. MX 5 e.example.",
)
FAIL = ("MX down.example.", "A slow.example.", "A half.example.", "AAAA odd.example.")
NO_KEEPING = 0.0


def finder(
    dns: Zone, store: Store, families: Families = "v4", expire: float = NO_KEEPING, limit: int = 3
) -> Finder:
    task = task_of()
    task.resolver, task.store = TaskResolver(dns), store
    return Finder(task, prefix="rmx", families=families, expire=expire, limit=limit)


@pytest.mark.parametrize(
    "name, found",
    [
        ("good.example", Domain("mx", (Mx(10, "a.example"), Mx(20, "b.example")))),
        ("a.example", Domain("a", host=Host("ok", "v4", (FOUR,)))),
        ("none.example", Domain("no")),
        ("null.example", Domain("null")),
        ("service.example", Domain("bkn")),
        (
            "three.example",
            Domain("mx", (Mx(2, "b.example"), Mx(3, "c.example"), Mx(4, "d.example"))),
        ),
        ("down.example", Domain("df")),
        ("slow.example", Domain("df")),
        ("six.example", Domain("other")),  # takes mail, where we do not look
        ("odd.example", Domain("df")),  # who knows whether it does
    ],
)
async def test_where_a_domain_takes_mail(name: str, found: Domain, broken_store: Store) -> None:
    assert await finder(zone(*RECORDS, fail=FAIL), broken_store).domain(name) == found


@pytest.mark.parametrize(
    "families, name, host",
    [
        ("v4", "a.example", Host("ok", "v4", (FOUR,))),
        ("v6", "a.example", Host("ok", "v6", (SIX,))),
        ("v64", "a.example", Host("ok", "v64", (FOUR, SIX))),
        ("v64", "six.example", Host("ok", "v64", (SIX,))),
        ("v4", "six.example", Host("other")),
        ("v4", "none.example", Host("no")),
        ("v64", "half.example", Host("df")),
    ],
)
async def test_addresses_of_a_host(
    families: Families, name: str, host: Host, broken_store: Store
) -> None:
    dns = zone(*RECORDS, fail=FAIL)
    assert await finder(dns, broken_store, families).hosts([name]) == [host]


async def test_the_first_host_with_addresses_is_enough(broken_store: Store) -> None:
    dns = zone(*RECORDS)
    names = ["none.example", "a.example", "six.example"]
    hosts = await finder(dns, broken_store).hosts(names)
    assert [host.state for host in hosts] == ["no", "ok"]
    assert not any(name == "six.example" for name, _ in dns.asked)


async def test_what_was_found_is_kept_in_rspamds_words(store: Store) -> None:
    dns = zone(*RECORDS, fail=FAIL)
    asking = finder(dns, store, expire=100)
    for name in ("good.example", "a.example", "none.example", "null.example", "down.example"):
        await asking.domain(name)
    await asking.hosts(["b.example", "a.example"])
    await asking.hosts(["slow.example"])
    keys = [
        *("rmx:d:good.example", "rmx:d:a.example", "rmx:d:none.example", "rmx:d:null.example"),
        *("rmx:d:down.example", "rmx:m:b.example", "rmx:m:a.example", "rmx:m:slow.example"),
    ]
    assert await store.get_many(keys) == [
        b"mx:a.example:10,b.example:20",
        b"a:v4:8.8.8.8",
        b"no",
        b"null",
        b"df",
        b"no",
        b"v4:8.8.8.8",
        b"df",
    ]
    asked = len(dns.asked)
    again = finder(dns, store, expire=100)
    assert (await again.domain("good.example")).targets[0].host == "a.example"
    assert (await again.hosts(["a.example"]))[0].addresses == (FOUR,)
    assert len(dns.asked) == asked


@pytest.mark.parametrize(
    "key, kept, name, found",
    [
        ("rmx:d:x.example", b"null", "x.example", Domain("null")),
        ("rmx:d:x.example", b"nonsense", "x.example", Domain("no")),
        ("rmx:d:x.example", b"\xff\xfe", "x.example", Domain("no")),
        (
            "rmx:d:a.example",
            b"a:v6:2a00::1",
            "a.example",
            Domain("a", host=Host("ok", "v4", (FOUR,))),
        ),
    ],
)
async def test_what_was_kept_counts_if_it_can_be_read(
    store: Store, key: str, kept: bytes, name: str, found: Domain
) -> None:
    await store.set(key, kept)
    assert await finder(zone(*RECORDS), store, expire=100).domain(name) == found


async def test_a_family_that_is_not_wanted_is_no_news_to_keep(store: Store) -> None:
    await finder(zone(*RECORDS), store, expire=100).domain("six.example")
    assert await store.get("rmx:d:six.example") is None


async def test_with_expire_dns_0_nothing_is_kept(store: Store) -> None:
    await finder(zone(*RECORDS), store, expire=0).domain("good.example")
    assert await store.get("rmx:d:good.example") is None


async def test_a_broken_store_does_not_hinder(broken_store: Store) -> None:
    found = await finder(zone(*RECORDS), broken_store, expire=100).domain("null.example")
    assert found == Domain("null")
