# SPDX-License-Identifier: Apache-2.0
"""What every store's rate limits do, whichever backend keeps them."""

import asyncio

import pytest

from gatepost.store import Bucket, BucketState, Settlement, Store, StoreError

NOW = 1_700_000_000.0
TEN = Bucket("RLten", burst=10, rate=1.0)


async def ask(
    store: Store, bucket: Bucket, token: str = "t", *, now: float = NOW, hold: float = 60
) -> BucketState:
    states = await store.reserve([bucket], token, now=now, hold=hold, expire=86400)
    return states[0]


async def count(store: Store, bucket: Bucket, token: str = "t", *, now: float = NOW) -> None:
    await store.settle([Settlement(bucket, True)], token, now=now, expire=86400)


async def release(store: Store, bucket: Bucket, token: str = "t", *, now: float = NOW) -> None:
    await store.settle([Settlement(bucket, False)], token, now=now, expire=86400)


async def fill(store: Store, bucket: Bucket, *, now: float = NOW) -> None:
    """Counts one message of the bucket's amount."""
    assert not (await ask(store, bucket, "fill", now=now)).limited
    await count(store, bucket, "fill", now=now)


async def test_the_eleventh_of_ten_is_limited(store: Store) -> None:
    for i in range(10):
        assert not (await ask(store, TEN, f"m{i}")).limited
        await count(store, TEN, f"m{i}")
    state = await ask(store, TEN, "m10")
    assert state == BucketState(True, 10.0, 1.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize("amount, limited", [(10, False), (10.5, True), (1000, True)])
async def test_a_first_message_larger_than_the_burst_is_limited(store, amount, limited) -> None:
    bucket = Bucket("RLfirst", burst=10, rate=1.0, amount=amount)
    assert (await ask(store, bucket)).limited is limited
    assert await store.delete("RLfirst") == (not limited), "nothing to remember of a refusal"


@pytest.mark.parametrize(
    "elapsed, leaked", [(0, 0.0), (0.5, 0.5), (3, 3.0), (10, 10.0), (1e6, 10.0), (-5, 0.0)]
)
async def test_a_bucket_leaks_before_it_is_looked_at(store, elapsed, leaked) -> None:
    await fill(store, Bucket("RLten", burst=10, rate=1.0, amount=10))
    state = await ask(store, TEN, now=NOW + elapsed)
    assert (state.level, state.leaked) == (10 - leaked, leaked)
    assert state.limited is (leaked < 1)


async def test_many_small_leaks_let_out_as_much_as_one(store: Store) -> None:
    per_minute = Bucket("RLslow", burst=1, rate=1 / 60)
    await fill(store, per_minute)
    for i in range(1, 60):
        assert (await ask(store, per_minute, now=NOW + i)).limited
    assert not (await ask(store, per_minute, now=NOW + 60)).limited


async def test_what_is_refused_leaks_as_usual(store: Store) -> None:
    """A sender who keeps trying is let in as soon as one who waits."""
    await fill(store, Bucket("RLten", burst=10, rate=1.0, amount=10))
    for i in range(9):
        now = NOW + i / 10
        assert (await ask(store, TEN, f"m{i}", now=now)).limited
        await release(store, TEN, f"m{i}", now=now)
    assert not (await ask(store, TEN, "m", now=NOW + 1)).limited


async def test_messages_under_way_take_room(store: Store) -> None:
    four = Bucket("RLten", burst=10, rate=1.0, amount=4)
    assert (await ask(store, four, "a")).pending == 0
    assert (await ask(store, four, "b")).pending == 4
    assert await ask(store, four, "c") == BucketState(True, 0.0, 1.0, 1.0, 0.0, 8.0)
    await release(store, four, "a")
    assert not (await ask(store, four, "c")).limited
    await count(store, four, "b")
    state = await ask(store, four, "d")
    assert (state.limited, state.level, state.pending) == (True, 4.0, 4.0)


async def test_of_many_at_once_no_more_than_the_burst_pass(store: Store) -> None:
    states = await asyncio.gather(*(ask(store, TEN, f"m{i}") for i in range(50)))
    assert sum(not state.limited for state in states) == 10
    await asyncio.gather(*(count(store, TEN, f"m{i}") for i in range(50)))
    assert (await ask(store, TEN, "late")).level == 10


async def test_a_message_that_never_ended_gives_its_room_back(store: Store) -> None:
    ten_at_once = Bucket("RLten", burst=10, rate=0.0, amount=10)
    assert not (await ask(store, ten_at_once, "dies", hold=60)).limited
    assert (await ask(store, ten_at_once, "next", now=NOW + 59.9)).limited
    assert not (await ask(store, ten_at_once, "next", now=NOW + 60)).limited
    fields = await store.hash_get_all("RLten")
    assert [name for name in fields if name.startswith("r:")] == ["r:next"]


async def test_settling_touches_only_ones_own_reservation(store: Store) -> None:
    await ask(store, TEN, "a")
    await ask(store, TEN, "b")
    await release(store, TEN, "nobody")
    await count(store, TEN, "nobody")
    await release(store, TEN, "a")
    state = await ask(store, TEN, "c")
    assert (state.level, state.pending) == (0.0, 1.0)


async def test_settling_twice_counts_once(store: Store) -> None:
    await ask(store, TEN, "a")
    await count(store, TEN, "a")
    await count(store, TEN, "a")
    await release(store, TEN, "a")
    assert (await ask(store, TEN, "b")).level == 1


async def test_asking_twice_reserves_once(store: Store) -> None:
    for _ in range(3):
        assert not (await ask(store, TEN, "same")).limited
    assert (await ask(store, TEN, "other")).pending == 1


async def test_a_refusal_takes_a_former_reservation_of_the_same_message_back(store: Store) -> None:
    await ask(store, Bucket("RLten", burst=10, rate=1.0, amount=3), "same")
    assert (await ask(store, Bucket("RLten", burst=10, rate=1.0, amount=11), "same")).limited
    assert (await ask(store, TEN, "other")).pending == 0


async def test_a_late_settlement_counts_while_nobody_swept_it_away(store: Store) -> None:
    await ask(store, TEN, "slow", hold=1)
    await count(store, TEN, "slow", now=NOW + 5)
    assert (await ask(store, TEN, "b", now=NOW + 5)).level == 1


async def test_a_limited_bucket_that_let_pass_counts_on_request(store: Store) -> None:
    full = Bucket("RLfull", burst=1, rate=0.0)
    await fill(store, full)
    assert (await ask(store, full, "over")).limited
    await count(store, full, "over")
    assert (await ask(store, full, "b")).level == 1, "nothing was reserved"
    unreserved = Settlement(full, True, reserved=False)
    await store.settle([unreserved], "over", now=NOW, expire=86400)
    assert (await ask(store, full, "c")).level == 2


async def test_settling_what_is_not_stored_stores_nothing(store: Store) -> None:
    await count(store, TEN)
    await release(store, TEN)
    await store.settle([Settlement(TEN, False, reserved=False)], "t", now=NOW, expire=9)
    assert await store.delete("RLten") == 0


async def test_several_buckets_are_asked_at_once_and_each_for_itself(store: Store) -> None:
    buckets = [
        Bucket("RLa", burst=10, rate=1.0, amount=2),
        Bucket("RLb", burst=1, rate=1.0, amount=2),
        Bucket("RLc", burst=5, rate=1.0, amount=2),
    ]
    states = await store.reserve(buckets, "t", now=NOW, hold=60, expire=86400)
    assert [state.limited for state in states] == [False, True, False]
    settlements = [Settlement(bucket, True) for bucket in buckets]
    await store.settle(settlements, "t", now=NOW, expire=86400)
    states = await store.reserve(buckets, "u", now=NOW, hold=60, expire=86400)
    assert [state.level for state in states] == [2.0, 0.0, 2.0]


# --- dynamic rates ----------------------------------------------------------------------------

DYNAMIC = Bucket("RLdyn", burst=10, rate=1.0, dynamic=True)


@pytest.mark.parametrize(
    "rate_factor, burst_factor, rounds, rate, burst",
    [
        (1.0, 1.0, 3, 1.0, 1.0),
        (1.01, 1.02, 1, 1.01, 1.02),
        (1.01, 1.02, 2, 1.0201, 1.0404),
        (0.99, 0.98, 1, 0.99, 0.98),
        (2.0, 3.0, 9, 5.0, 10.0),
        (0.5, 0.1, 9, 0.2, 0.1),
        (1.00001, 1.00001, 1, 1.0001, 1.0001),
    ],
)
async def test_verdicts_move_rate_and_burst_within_bounds(
    store, rate_factor, burst_factor, rounds, rate, burst
) -> None:
    settlement = Settlement(DYNAMIC, True, rate_factor, burst_factor)
    for i in range(rounds):
        now = NOW + 100 * i
        await ask(store, DYNAMIC, now=now)
        await store.settle([settlement], "t", now=now, expire=86400)
    state = await ask(store, DYNAMIC, now=NOW + 1000)
    assert (state.dynamic_rate, state.dynamic_burst) == (rate, burst)


async def test_a_dynamic_burst_and_rate_decide(store: Store) -> None:
    await store.hash_set("RLdyn", {"b": b"10", "l": b"1700000000000", "dr": b"20000"})
    await store.hash_set("RLdyn", {"db": b"5000"})
    state = await ask(store, DYNAMIC, now=NOW + 2.5)
    assert (state.level, state.leaked, state.dynamic_burst) == (5.0, 5.0, 0.5)
    assert state.limited, "the burst is 5"
    plain = Bucket("RLdyn", burst=10, rate=1.0)
    assert not (await ask(store, plain, now=NOW + 2.5)).limited


async def test_only_what_is_counted_moves_the_factors_and_only_if_dynamic(store: Store) -> None:
    for bucket, counted in ((DYNAMIC, False), (TEN, True)):
        await ask(store, bucket)
        moved = Settlement(bucket, counted, rate_factor=1.5, burst_factor=1.5)
        await store.settle([moved], "t", now=NOW, expire=86400)
        dynamic = Bucket(bucket.key, burst=10, rate=1.0, dynamic=True)
        state = await ask(store, dynamic, "u")
        assert (state.dynamic_rate, state.dynamic_burst) == (1.0, 1.0)


async def test_factors_that_may_not_move_do_not(store: Store) -> None:
    await ask(store, DYNAMIC)
    fixed = Settlement(DYNAMIC, True, 1.5, 1.5, max_rate_mult=1, max_burst_mult=0.5)
    await store.settle([fixed], "t", now=NOW, expire=86400)
    state = await ask(store, DYNAMIC)
    assert (state.dynamic_rate, state.dynamic_burst) == (1.0, 1.0)


# --- what is stored ---------------------------------------------------------------------------


async def test_buckets_are_stored_as_rspamd_stores_them(store: Store) -> None:
    await ask(store, Bucket("RLx", burst=10, rate=0.25, amount=3), "abc", hold=5)
    assert await store.hash_get_all("RLx") == {
        "l": b"1700000000000",
        "b": b"0",
        "p": b"3",
        "dr": b"10000",
        "db": b"10000",
        "r:abc": b"3:1700000005000",
    }
    await count(store, Bucket("RLx", burst=10, rate=0.25, amount=3), "abc")
    await ask(store, Bucket("RLx", burst=10, rate=0.25, amount=0.1), "d", now=NOW + 1)
    assert await store.hash_get("RLx", ["l", "b", "p"]) == [
        b"1700000001000",
        b"2.75",
        b"0.10000000000000001",
    ]


async def test_a_bucket_of_rspamd_goes_on(store: Store) -> None:
    fields = {"l": b"1700000000000", "b": b"9.5", "p": b"40", "dr": b"10000", "db": b"10000"}
    await store.hash_set("RLten", fields)
    state = await ask(store, TEN, now=NOW)
    assert (state.limited, state.level, state.pending) == (True, 9.5, 0.0)
    assert not (await ask(store, TEN, now=NOW + 0.5)).limited


async def test_a_bucket_can_be_changed_field_by_field(store: Store) -> None:
    await ask(store, DYNAMIC)
    await store.hash_set("RLdyn", {"dr": b"30000", "mark": b"x"})
    assert await store.hash_increment("RLdyn", "db", 500) == 10500
    assert await store.hash_delete("RLdyn", "mark", "none") == 1
    state = await ask(store, DYNAMIC)
    assert (state.dynamic_rate, state.dynamic_burst) == (3.0, 1.05)
    await store.hash_delete("RLdyn", *await store.hash_get_all("RLdyn"))
    assert await store.delete("RLdyn") == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"b": b"nan", "l": b"inf"},
        {"b": b"-5", "l": b"-1"},
        {"b": b"", "l": b"", "dr": b"0", "db": b"-3"},
        {"b": b"1e400", "dr": b"1e300", "db": b"1e300"},
        {"b": b"xyz", "l": b"\xff", "dr": b"nan"},
        {"r:": b"", "r:a": b"1", "r:b": b":", "r:c": b"nan:nan", "r:d": b"-1:9e12"},
        {"r:e": b"inf:9000000000000", "r:f": b"1:2:3"},
        {"other": b"field"},
    ],
)
async def test_nonsense_in_a_bucket_counts_as_empty(store: Store, fields) -> None:
    await store.hash_set("RLdyn", fields)
    state = await ask(store, DYNAMIC, now=NOW)
    assert state == BucketState(False, 0.0, 1.0, 1.0, 0.0, 0.0)
    await count(store, DYNAMIC)
    assert (await ask(store, DYNAMIC, "u")).level == 1


@pytest.mark.parametrize(
    "ahead, level_at_once, level_later",
    [(60, 10, 9.0), (3600, 10, 9.0)],
    ids=["another node's clock", "a clock that was wrong"],
)
async def test_a_clock_that_is_behind_lets_nothing_out_twice(
    store, ahead, level_at_once, level_later
) -> None:
    await fill(store, Bucket("RLten", burst=10, rate=1.0, amount=10), now=NOW + ahead)
    assert (await ask(store, TEN, now=NOW)).level == level_at_once
    # a small difference is waited for; a large one is taken for a mistake, and time goes on
    later = NOW + ahead + 1 if ahead < 300 else NOW + 1
    assert (await ask(store, TEN, now=later)).level == level_later


async def test_a_bucket_expires_when_nobody_uses_it(backend) -> None:
    await backend.store.reserve([TEN], "t", now=NOW, hold=60, expire=100)
    backend.wait(60)
    await backend.store.settle([Settlement(TEN, True)], "t", now=NOW, expire=100)
    backend.wait(60)
    assert (await ask(backend.store, TEN)).level == 1
    backend.wait(90_000)
    assert (await ask(backend.store, TEN)).level == 0


async def test_a_key_of_another_type_is_no_bucket(store: Store) -> None:
    await store.set("RLten", b"value")
    with pytest.raises(StoreError) as caught:
        await ask(store, TEN)
    assert not caught.value.temporary
    with pytest.raises(StoreError):
        await count(store, TEN)
    assert await store.get("RLten") == b"value"


async def test_set_and_collections_go_over_a_bucket(store: Store) -> None:
    await ask(store, TEN)
    with pytest.raises(StoreError):
        await store.set_add("RLten", b"m")
    await store.set("RLten", b"v")
    assert await store.get("RLten") == b"v"
