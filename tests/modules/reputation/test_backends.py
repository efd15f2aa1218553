# SPDX-License-Identifier: Apache-2.0
"""Under which names reputations are kept, and what comes back from store and DNS."""

from __future__ import annotations

import logging
from hashlib import md5
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.reputation.backends import DnsBackend, StoreBackend, name_of
from gatepost.modules.reputation.options import BucketOptions, DnsOptions, StoreOptions
from gatepost.modules.reputation.scoring import Standing
from gatepost.modules.reputation.tokens import Token
from gatepost.net import DnsResolver, ResolverSettings, TaskResolver
from gatepost.scan.module import Module, RunAlways
from gatepost.scan.task import Task
from gatepost.store import Store, StoreError
from gatepost.store.names import to_bytes
from gatepost.testing import mail, scan, zone


class Nothing(Module):
    """Checks nothing: the test only needs a task."""

    name = "nothing"
    group = "nothing"
    outbound = RunAlways()


async def task_with(store: Store | None = None, dns=None) -> Task:
    task = (await scan(Nothing, mail(), dns=dns)).task
    if store is not None:
        task.store = store
    return task


# example.com: the vector of the reference, §0.4
@pytest.mark.parametrize(
    "options, name",
    [
        ({}, "RR:example.com"),
        ({"prefix": ""}, "example.com"),
        ({"hashlen": 7}, "RR:example"),
        ({"hashed": True, "hashlen": 32}, "RR:rciuosbadgpq6b5wt436nhgnwzmfh9w9"),
        (
            {"hashed": True, "hash_alg": "md5", "hash_encoding": "hex"},
            "RR:" + md5(b"example.com").hexdigest(),
        ),
        (
            {"hashed": True, "hash_alg": "md5", "hash_encoding": "base64", "prefix": "x"},
            "xWrq9YDsieAMC3Y2DSY5Rcg==",
        ),
    ],
)
def test_a_token_has_one_name(options: dict[str, object], name: str) -> None:
    assert name_of("example.com", StoreOptions(**options)) == name  # type: ignore[arg-type]


def test_a_name_is_cut_by_bytes_and_whole_without_a_hash() -> None:
    assert len(name_of("x", StoreOptions(hashed=True, prefix=""))) == 103
    assert name_of("\u00e4\u00e4", StoreOptions(hashlen=3, prefix="")) == "\u00e4\udcc3"
    assert name_of("caf\udce9", StoreOptions()) == "RR:caf\udce9"


async def test_the_store_keeps_and_gives_back(store: Store) -> None:
    backend = StoreBackend(
        StoreOptions(buckets=(BucketOptions("a", 60.0), BucketOptions("b", 3600.0, 2.0)))
    )
    task = await task_with(store)
    one, other = Token("example.org"), Token("64496", "a:")
    await backend.learn(task, [one, other], 4.0)
    await backend.learn(task, [other], 4.0)
    # a multiplier counts once when a number is learnt, and once more when it is read
    assert await backend.read(task, [other, Token("none"), one]) == [
        Standing(2, (4.0, pytest.approx(32.0))),
        Standing(0, ()),
        Standing(1, (4.0, 16.0)),
    ]
    assert await store.hash_get("RR:a:64496", ["n"]) == [b"2"]


async def test_what_rspamd_wrote_is_read(store: Store) -> None:
    fields = {"n": b"12", "l": b"1700000000000", "v1m": b"3.1415926535898"}
    await store.hash_set("RR:i:203.0.113.7", fields)
    backend = StoreBackend(StoreOptions())
    task = await task_with(store)
    assert await backend.read(task, [Token("203.0.113.7", "i:")]) == [
        Standing(12, (3.1415926535898,))
    ]


async def test_a_store_that_fails_is_said_so(broken_store: Store) -> None:
    backend, task = StoreBackend(StoreOptions()), await task_with(broken_store)
    with pytest.raises(StoreError):
        await backend.read(task, [Token("x")])
    with pytest.raises(StoreError):
        await backend.learn(task, [Token("x")], 1.0)


ADDRESS = "203.0.113.7"
V6 = ip_address("2001:db8::")


@pytest.mark.parametrize(
    "token, options, asked",
    [
        (Token("example.org"), {}, "example.org.rep.example"),
        (Token("64496", "a:"), {}, "64496.a:.rep.example"),
        (Token(ADDRESS, "i:", ip_address(ADDRESS)), {}, "7.113.0.203.i:.rep.example"),
        (
            Token(str(V6), "", V6),
            {},
            ".".join(["0"] * 24 + list("8bd01002")) + ".rep.example",
        ),
        (
            Token("example.com"),
            {"hashed": True, "hashlen": 32},
            "rciuosbadgpq6b5wt436nhgnwzmfh9w9.rep.example",
        ),
    ],
)
async def test_a_zone_is_asked_for_a_name(token: Token, options: dict[str, object], asked) -> None:
    dns = zone()
    backend = DnsBackend(DnsOptions(list=".rep.example.", **options))  # type: ignore[arg-type]
    assert await backend.read(await task_with(dns=dns), [token]) == [None]
    assert dns.asked == [(asked, "TXT")]


async def test_a_zone_answers_in_the_order_of_tokens(caplog: pytest.LogCaptureFixture) -> None:
    dns = zone(
        'a.rep.example. TXT "hello"',
        'a.rep.example. TXT "20;1;2"',
        'c.rep.example. TXT "v=spf1 -all"',
        fail=["TXT d.rep.example"],
    )
    backend = DnsBackend(DnsOptions(list="rep.example"))
    with caplog.at_level(logging.WARNING):
        found = await backend.read(await task_with(dns=dns), [Token(name) for name in "abcd"])
    assert found == [Standing(20, (1.0, 2.0)), None, None, None]
    assert [record.message for record in caplog.records] == [
        "reputation: rep.example: a record is no reputation",
        "reputation: rep.example: a record is no reputation",
        "reputation: rep.example: servfail",
    ]


async def test_a_zone_learns_nothing(broken_store: Store) -> None:
    backend = DnsBackend(DnsOptions(list="rep.example"))
    assert not backend.learns
    await backend.learn(await task_with(broken_store), [Token("x")], 1.0)


@given(
    st.text(max_size=80),
    st.sampled_from([None, 1, 7]),
    st.booleans(),
    st.sampled_from(["base32", "hex", "base64"]),
)
@settings(max_examples=150)
def test_any_text_has_a_name_that_a_store_takes(token, length, hashed, encoding) -> None:
    options = StoreOptions(hashlen=length, hashed=hashed, hash_encoding=encoding)
    name = name_of(token, options)
    assert name.startswith("RR:")
    assert length is None or len(to_bytes(name)) <= length + 3
    assert name == name_of(token, options)


async def test_what_is_no_name_is_not_found() -> None:
    resolver = DnsResolver(ResolverSettings(nameserver=("127.0.0.1:1",), retransmits=1))
    task = await task_with()
    task.resolver = TaskResolver(resolver)
    try:
        tokens = [Token(name) for name in ("x" * 64, "a..b", "caf\udce9", "two words", "\\")]
        found = await DnsBackend(DnsOptions(list="rep.example")).read(task, tokens)
    finally:
        await resolver.close()
    assert found == [None] * len(tokens)
