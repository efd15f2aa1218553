# SPDX-License-Identifier: Apache-2.0
"""How moving averages move, whichever backend keeps them."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.store import Store, StoreError, Window
from gatepost.store.averaging import Fields, take_in

NOW = 1_700_000_000.0
MONTH = 30 * 86_400.0
LIFE = 864_000.0
LAST_MONTH = (Window("1m", MONTH),)


async def take(store: Store, value: float, *keys: str, at: float = 0.0, windows=LAST_MONTH) -> None:
    await store.average(keys or ["RRx"], value, windows, now=NOW + at, expire=LIFE)


async def averages(store: Store, *names: str, key: str = "RRx") -> list[float]:
    found = await store.hash_get(key, [f"v{name}" for name in names or ("1m",)])
    return [math.nan if value is None else float(value) for value in found]


async def test_the_first_number_is_the_average(store: Store) -> None:
    await take(store, -1.25)
    assert await store.hash_get_all("RRx") == {
        "n": b"1",
        "l": b"%d" % (NOW * 1000),
        "v1m": b"-1.25",
    }


@pytest.mark.parametrize(
    "at, expected",
    [
        (0, 10.0),  # no time has passed: it is counted, and moves nothing
        (MONTH, 10 * math.exp(-1)),
        (3 * MONTH, 10 * math.exp(-3)),
        (86_400, 10 * math.exp(-1 / 30)),
        (-60, 10.0),  # a clock that is behind
    ],
)
async def test_later_numbers_move_it_by_the_time_that_passed(store: Store, at, expected) -> None:
    await take(store, 10.0)
    await take(store, 0.0, at=at)
    assert await averages(store) == [pytest.approx(expected, abs=1e-12)]
    assert await store.hash_get("RRx", ["n"]) == [b"2"]


async def test_each_window_has_an_average_of_its_own(store: Store) -> None:
    windows = (Window("1d", 86_400), Window("1m", MONTH), Window("half", MONTH, 0.5))
    await take(store, 8.0, windows=windows)
    assert await averages(store, "1d", "1m", "half") == [8.0, 8.0, 4.0]
    await take(store, 0.0, at=86_400, windows=windows)
    day = 8 * math.exp(-1)
    month = 8 * math.exp(-1 / 30)
    found = await averages(store, "1d", "1m", "half")
    assert found == pytest.approx([day, month, month / 4])  # as rspamd: mult counts each time


async def test_a_window_that_is_new_begins_with_what_comes(store: Store) -> None:
    await take(store, 8.0)
    await take(store, 2.0, at=MONTH, windows=(Window("1m", MONTH), Window("1d", 86_400)))
    old, new = await averages(store, "1m", "1d")
    assert new == 2.0
    assert 2.0 < old < 8.0


async def test_several_keys_take_one_number(store: Store) -> None:
    await take(store, 3.0, "RRa", "RRb")
    await take(store, 9.0, "RRb", at=MONTH)
    rows = await store.hash_get_many(["RRb", "none", "RRa"], ["n", "v1m", "vx"])
    assert [row[0] for row in rows] == [b"2", None, b"1"]
    assert rows[2] == [b"1", b"3", None]


async def test_nothing_to_do_does_nothing(store: Store) -> None:
    await store.average([], 1.0, [Window("1m", MONTH)], now=NOW, expire=LIFE)
    assert await store.hash_get_many([], ["n"]) == []
    assert await store.hash_get_many(["RRx", "RRy"], []) == [[], []]


async def test_all_that_learn_at_once_are_counted(store: Store) -> None:
    await asyncio.gather(*(take(store, 4.0, at=second) for second in range(40)))
    assert await store.hash_get("RRx", ["n"]) == [b"40"]
    assert await averages(store) == [pytest.approx(4.0)]


async def test_what_nobody_learns_of_is_forgotten(backend) -> None:
    await take(backend.store, 4.0)
    backend.wait(LIFE - 5)
    await take(backend.store, 4.0)
    backend.wait(LIFE - 5)
    assert await backend.store.hash_get("RRx", ["n"]) == [b"2"]
    backend.wait(10)
    assert await backend.store.hash_get_all("RRx") == {}


async def test_hashes_that_somebody_else_wrote_go_on(store: Store) -> None:
    last = b"%d" % ((NOW - MONTH) * 1000)
    await store.hash_set("RRx", {"n": b"7", "l": last, "v1m": b"5.5", "more": b"x"})
    await take(store, 0.0)
    assert await averages(store) == [pytest.approx(5.5 * math.exp(-1))]
    assert await store.hash_get("RRx", ["n", "more"]) == [b"8", b"x"]


@pytest.mark.parametrize("field", ["l", "v1m"])
@pytest.mark.parametrize("text", [b"", b"nan", b"inf", b"-inf", b"much", b"1e300", b"\xff"])
async def test_what_is_no_number_counts_as_absent(store: Store, field: str, text: bytes) -> None:
    await take(store, 5.0)
    await store.hash_set("RRx", {field: text})
    await take(store, 1.0, at=MONTH)
    assert await averages(store) == [1.0]


async def test_a_clock_from_far_ahead_does_not_stop_time(store: Store) -> None:
    await take(store, 5.0, at=10 * MONTH)
    await take(store, 5.0)
    await take(store, 0.0, at=MONTH)
    assert await averages(store) == [pytest.approx(5 * math.exp(-1))]
    await take(store, 0.0, at=MONTH - 60)
    assert await store.hash_get("RRx", ["l"]) == [b"%d" % ((NOW + MONTH) * 1000)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
async def test_only_numbers_have_an_average(store: Store, value: float) -> None:
    with pytest.raises(ValueError):
        await take(store, value)
    assert await store.hash_get_all("RRx") == {}


async def test_a_count_that_is_none_and_other_types_are_refused(store: Store) -> None:
    await store.set("text", b"v")
    await store.hash_set("RRx", {"n": b"some"})
    for key in ("text", "RRx"):
        with pytest.raises(StoreError) as caught:
            await take(store, 1.0, key)
        assert not caught.value.temporary
    with pytest.raises(StoreError):
        await store.hash_get_many(["none", "text"], ["n"])
    assert await store.hash_get_all("RRx") == {"n": b"some"}


@given(
    st.dictionaries(st.sampled_from([b"l", b"n", b"va"]), st.binary(max_size=20)),
    st.floats(-1e12, 1e12),
    st.integers(0, 2**53),
)
@settings(max_examples=100)
def test_no_stored_bytes_break_the_arithmetic(fields: Fields, value: float, now: int) -> None:
    take_in(fields, value, [(b"a", Window("a", 60.0))], now)
    assert math.isfinite(float(fields[b"va"]))
    assert int(fields[b"l"]) >= now
