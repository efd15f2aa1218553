# SPDX-License-Identifier: Apache-2.0
"""How long verdicts count, and what becomes of locks and connections when something goes wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gatepost.modules.mx_check.examining import Connections, Examiner, Lists
from gatepost.modules.mx_check.finding import Finder
from gatepost.modules.mx_check.options import Options
from gatepost.modules.mx_check.probing import Probe
from gatepost.net import TaskResolver
from gatepost.store import Store
from gatepost.store.sqlite import SqliteStore
from gatepost.testing import zone
from mx_servers import SILENT, deaf_server, mx_servers
from scan_tasks import task_of

HOST = "127.0.0.2"
NOTHING_LISTED = Lists(None, None, None, None, None)


def examiner(
    store: Store,
    probe: Probe,
    records: tuple[str, ...] = (f"d.example. A {HOST}",),
    *,
    connections: Connections | None = None,
    **options: object,
) -> Examiner:
    task = task_of()
    task.resolver, task.store = TaskResolver(zone(*records)), store
    return Examiner(
        task,
        Finder(task, prefix="rmx", families="v4", expire=60.0, limit=3),
        probe,
        options=Options(test_mode=True, **options),  # type: ignore[arg-type]
        lists=NOTHING_LISTED,
        connections=connections or Connections(10),
    )


async def found(one: Examiner) -> list[tuple[str, tuple[str, ...]]]:
    return [(seen.finding.option, seen.options) for seen in await one.examine("d.example")]


@pytest.mark.parametrize(
    "greeting, expires, symbol",
    [
        (b"220 x\r\n", 86_400, "symbol_mx_a_good"),
        (b"421 x\r\n", 86_400, "symbol_mx_a_error"),
        (SILENT, 86_400, "symbol_mx_a_timeout_read"),
        (b"what\r\n", 14_400, "symbol_mx_a_invalid"),
    ],
)
async def test_how_long_a_verdict_counts(
    tmp_path: Path, greeting: bytes, expires: int, symbol: str
) -> None:
    clock = 1_000_000.0
    store = SqliteStore(tmp_path / "state.sqlite", clock=lambda: clock)
    async with mx_servers({HOST: greeting}) as servers:
        probe = Probe(port=servers.port, greeting=True, read_timeout=0.05)
        assert (await found(examiner(store, probe)))[0][0] == symbol
        clock += expires - 1
        await found(examiner(store, probe))
        assert servers.connections[HOST] == 1
        clock += 2
        await found(examiner(store, probe))
        assert servers.connections[HOST] == 2
    await store.close()


async def test_who_does_not_answer_is_left_alone_for_a_while(tmp_path: Path) -> None:
    clock = 1_000_000.0
    store = SqliteStore(tmp_path / "state.sqlite", clock=lambda: clock)
    with deaf_server(HOST) as port:
        probe = Probe(port=port, connect_timeout=0.05)
        silent = [("symbol_mx_a_timeout_connect", ("d.example",))]
        assert await found(examiner(store, probe)) == silent
        clock += 7199
        assert await store.get(f"rmx:i:{HOST}") == b"tc"
        clock += 2
        assert await store.get(f"rmx:i:{HOST}") is None
    await store.close()


async def test_a_check_that_is_cut_short_leaves_a_lock_that_ends(tmp_path: Path) -> None:
    clock = 1_000_000.0
    store = SqliteStore(tmp_path / "state.sqlite", clock=lambda: clock)
    connections = Connections(1)
    async with mx_servers({HOST: SILENT}) as servers:
        probe = Probe(port=servers.port, greeting=True, connect_timeout=2, read_timeout=5)
        work = asyncio.ensure_future(found(examiner(store, probe, connections=connections)))
        async with asyncio.timeout(5):
            await servers.began.wait()
        assert connections.open == 1
        work.cancel()
        await asyncio.wait([work])
        assert connections.open == 0
        assert await found(examiner(store, probe)) == [("symbol_mx_inflight", ("d.example",))]
        clock += 8.1  # connecting, reading, and a second
        assert await store.get(f"rmx:i:{HOST}") is None
    await store.close()


async def test_any_address_with_a_verdict_will_do(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.sqlite")
    await store.set("rmx:i:127.0.0.9", b"rf")
    records = ("d.example. A 127.0.0.8", "d.example. A 127.0.0.9")
    seen = await found(examiner(store, Probe(port=1), records))
    assert seen == [("symbol_mx_a_refused", ("d.example",))]
    assert await store.get("rmx:i:127.0.0.8") is None
    await store.close()


async def test_no_more_addresses_are_considered_than_wished(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.sqlite")
    records = tuple(f"d.example. A 127.0.0.{n}" for n in range(2, 30))
    async with mx_servers({f"127.0.0.{n}": b"220 x\r\n" for n in range(2, 30)}) as servers:
        probe = Probe(port=servers.port)
        await found(examiner(store, probe, records, max_mx_a_records=1))
        assert sum(servers.connections.values()) <= 1
    kept = await store.get_many([f"rmx:i:127.0.0.{n}" for n in range(2, 30)])
    assert sum(value is not None for value in kept) == 1
    await store.close()


async def test_over_the_limit_of_connections_nobody_connects(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.sqlite")
    full = Connections(0)
    seen = await found(examiner(store, Probe(port=1), connections=full))
    assert seen == [("symbol_mx_inflight", ("d.example",))]
    assert await store.get(f"rmx:i:{HOST}") is None  # the next letter may
    await store.close()
