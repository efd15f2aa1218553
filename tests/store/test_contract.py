# SPDX-License-Identifier: Apache-2.0
"""What every store does, whichever backend keeps it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gatepost.store import Store, StoreError
from gatepost.store.names import LONGEST

BIG = bytes(range(256)) * 20_000  # 5 MB


@pytest.mark.parametrize("value", [b"", b"0", b"\0\r\n\xff", BIG], ids=["empty", "0", "raw", "big"])
async def test_a_value_comes_back_as_it_was(store: Store, value: bytes) -> None:
    assert await store.set("key", value)
    assert await store.get("key") == value
    assert await store.get_many(["none", "key"]) == [None, value]


@pytest.mark.parametrize(
    "key", ["", "ключ 🔑", "a\0b", "two words\r\n", "caf\udce9", "\ud800", "k" * 5000]
)
async def test_any_text_is_a_key_a_field_and_a_token(store: Store, key: str) -> None:
    await store.set(key, b"v")
    await store.set(key + "x", b"w")
    assert await store.get_many([key, key + "x"]) == [b"v", b"w"]
    await store.hash_set("hash", {key: b"1", "other": b"2"})
    assert await store.hash_get("hash", [key, "other"]) == [b"1", b"2"]
    assert await store.lease("lease", key, 60)


@pytest.mark.parametrize("key", ["ключ 🔑", "a\0b", "caf\udce9"])
async def test_names_come_back_as_they_were(store: Store, key: str) -> None:
    await store.hash_set("hash", {key: b"1"})
    await store.ranked_add("ranked", key, 1.0, keep=5)
    assert await store.hash_get_all("hash") == {key: b"1"}
    assert await store.ranked_list("ranked") == [(key, 1.0)]


async def test_what_was_never_written_is_not_there(store: Store) -> None:
    assert await store.get("none") is None
    assert await store.hash_get("none", ["f"]) == [None]
    assert await store.hash_get_all("none") == {}
    assert await store.hash_delete("none", "f") == 0
    assert await store.set_contains("none", [b"m"]) == [False]
    assert await store.set_members("none") == frozenset()
    assert await store.set_remove("none", b"m") == 0
    assert await store.ranked_list("none") == []
    assert await store.ranked_scores("none", ["m"]) == [None]
    assert await store.delete("none") == 0
    assert not await store.expire("none", 5)


async def test_asking_for_nothing_gives_nothing(store: Store) -> None:
    assert await store.get_many([]) == []
    assert await store.delete() == 0
    assert await store.hash_get("k", []) == []
    assert await store.hash_delete("k") == 0
    assert await store.set_add("k") == 0
    assert await store.set_remove("k") == 0
    assert await store.set_contains("k", []) == []
    assert await store.ranked_scores("k", []) == []
    await store.hash_set("k", {}, expire=5)
    assert await store.reserve([], "t", now=1.0, hold=1, expire=1) == []
    await store.settle([], "t", now=1.0, expire=1)
    assert await store.set("k", b"still free", only_if_absent=True)


async def test_many_keys_come_back_in_the_order_asked_for(store: Store) -> None:
    for i in range(0, 200, 2):
        await store.set(f"k{i}", b"%d" % i)
    asked = [f"k{i}" for i in reversed(range(200))] + ["k0", "k0"]
    wanted = [None if i % 2 else b"%d" % i for i in reversed(range(200))] + [b"0", b"0"]
    assert await store.get_many(asked) == wanted


async def test_many_fields_come_back_in_the_order_asked_for(store: Store) -> None:
    await store.hash_set("h", {f"f{i}": b"%d" % i for i in range(0, 200, 2)})
    asked = [f"f{i}" for i in reversed(range(200))]
    wanted = [None if i % 2 else b"%d" % i for i in reversed(range(200))]
    assert await store.hash_get("h", asked) == wanted
    assert await store.hash_get("h", ["f2", "f2", "f1"]) == [b"2", b"2", None]


async def test_only_if_absent_leaves_what_is_there(store: Store) -> None:
    assert await store.set("k", b"first", only_if_absent=True)
    assert not await store.set("k", b"second", only_if_absent=True, expire=5)
    assert await store.get("k") == b"first"


async def test_delete_counts_each_key_once(store: Store) -> None:
    await store.set("v", b"")
    await store.hash_set("h", {"f": b""})
    await store.set_add("s", b"m")
    await store.ranked_add("r", "m", 1, keep=3)
    assert await store.delete("v", "h", "none", "s", "r", "v") == 4
    assert await store.hash_get_all("h") == {}
    assert await store.set_members("s") == frozenset()
    assert await store.ranked_list("r") == []


# --- expiry -------------------------------------------------------------------------------

Write = Callable[[Store, float | None], Awaitable[object]]

WRITES: dict[str, Write] = {
    "set": lambda s, e: s.set("k", b"1", expire=e),
    "set new": lambda s, e: s.set("k", b"1", expire=e, only_if_absent=True),
    "compare_and_set": lambda s, e: s.compare_and_set("k", None, b"1", expire=e),
    "increment": lambda s, e: s.increment("k", expire=e),
    "hash_set": lambda s, e: s.hash_set("k", {"f": b"1"}, expire=e),
    "hash_increment": lambda s, e: s.hash_increment("k", "f", expire=e),
    "set_add": lambda s, e: s.set_add("k", b"1", expire=e),
    "ranked_add": lambda s, e: s.ranked_add("k", "m", 1, keep=3, expire=e),
    "ranked_increment": lambda s, e: s.ranked_increment("k", "m", 1, keep=3, expire=e),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_what_expires_is_gone(backend, write: Write) -> None:
    await write(backend.store, 100)
    backend.wait(90)
    assert not await backend.store.set("k", b"", only_if_absent=True), "gone too early"
    backend.wait(20)
    assert await backend.store.get_many(["k"]) == [None]
    assert await backend.store.delete("k") == 0
    assert await backend.store.set("k", b"", only_if_absent=True)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_without_expire_a_key_stays(backend, write: Write) -> None:
    await write(backend.store, None)
    backend.wait(1e9)
    assert not await backend.store.set("k", b"", only_if_absent=True)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_what_expired_does_not_come_back_with_a_new_write(backend, write: Write) -> None:
    await backend.store.hash_set("k", {"old": b"9"}, expire=10)
    backend.wait(20)
    await write(backend.store, None)
    await backend.store.delete("k")
    await backend.store.hash_set("k", {"new": b""})
    assert await backend.store.hash_get_all("k") == {"new": b""}


@pytest.mark.parametrize("seconds", [1e-9, LONGEST / 1000, 1e300, float("inf")])
async def test_no_life_is_too_short_or_too_long_to_write(store: Store, seconds: float) -> None:
    assert await store.set("k", b"v", expire=seconds)
    assert await store.set("l", b"v", expire=60)
    assert await store.expire("l", seconds)


async def test_set_takes_a_former_expiry_away(backend) -> None:
    await backend.store.set("k", b"1", expire=10)
    await backend.store.set("k", b"2")
    backend.wait(20)
    assert await backend.store.get("k") == b"2"


async def test_a_counter_expires_from_its_creation_on(backend) -> None:
    assert await backend.store.increment("k", expire=10) == 1
    backend.wait(6)
    assert await backend.store.increment("k", expire=10) == 2
    backend.wait(6)
    assert await backend.store.increment("k", expire=10) == 1


@pytest.mark.parametrize(
    "name", ["hash_set", "hash_increment", "set_add", "ranked_add", "ranked_increment"]
)
async def test_expire_starts_the_life_of_a_collection_anew(backend, name: str) -> None:
    write = WRITES[name]
    await write(backend.store, 10)
    backend.wait(6)
    await write(backend.store, None)
    backend.wait(6)
    assert await backend.store.delete("k") == 0, "a write without expire prolonged it"
    await write(backend.store, 10)
    backend.wait(6)
    await write(backend.store, 10)
    backend.wait(6)
    assert await backend.store.delete("k") == 1


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_expire_changes_the_life_of_any_key(backend, write: Write) -> None:
    await write(backend.store, None)
    assert await backend.store.expire("k", 10)
    backend.wait(20)
    assert not await backend.store.expire("k", 10)
    await write(backend.store, 10)
    assert await backend.store.expire("k", 100)
    backend.wait(20)
    assert await backend.store.expire("k", 0), "0 seconds to live removes it"
    assert await backend.store.delete("k") == 0


async def test_purge_leaves_what_lives(backend) -> None:
    for i in range(20):
        await backend.store.hash_set(f"h{i}", {"f": b""}, expire=10 if i % 2 else 100)
    backend.wait(20)
    purged = 0
    for _ in range(5):
        purged += await backend.store.purge(3)
    assert purged in (0, 10), "Redis has done it by itself"
    assert await backend.store.delete(*(f"h{i}" for i in range(20))) == 10


# --- compare and set, counters, leases ------------------------------------------------------


@pytest.mark.parametrize(
    "present, old, new, done, after",
    [
        (None, None, b"new", True, b"new"),
        (None, None, None, True, None),
        (None, b"", b"new", False, None),
        (b"", None, b"new", False, b""),
        (b"", b"", b"new", True, b"new"),
        (b"a", b"a", b"", True, b""),
        (b"a", b"b", b"new", False, b"a"),
        (b"a", b"a", None, True, None),
        (b"a", b"b", None, False, b"a"),
        (b"-", None, b"new", False, b"-"),
        (BIG, BIG, BIG + b"+", True, BIG + b"+"),
    ],
)
async def test_compare_and_set(store: Store, present, old, new, done, after) -> None:
    if present is not None:
        await store.set("k", present)
    assert await store.compare_and_set("k", old, new) is done
    assert await store.get("k") == after


async def test_of_those_who_race_to_compare_and_set_one_wins_each_round(store: Store) -> None:
    async def add_one() -> None:
        while True:
            seen = await store.get("k")
            if await store.compare_and_set("k", seen, b"%d" % (int(seen or 0) + 1)):
                return

    await asyncio.gather(*(add_one() for _ in range(30)))
    assert await store.get("k") == b"30"


async def test_counters_are_values_of_digits(store: Store) -> None:
    assert await store.increment("k") == 1
    assert await store.increment("k", 41, expire=10) == 42
    assert await store.get("k") == b"42"
    assert await store.increment("k", -50) == -8
    await store.set("k", b"9007199254740993")
    assert await store.increment("k", 2, expire=5) == 9007199254740995, "no float on the way"
    assert await store.hash_increment("h", "f", 5) == 5
    assert await store.hash_increment("h", "f", -7, expire=5) == -2
    assert await store.hash_get_all("h") == {"f": b"-2"}


@pytest.mark.parametrize("text", [b"one", b" 1", b"1.0", b"+1", b"01", b"1_0", b"", b"9" * 30])
async def test_what_is_no_integer_cannot_be_incremented(store: Store, text: bytes) -> None:
    await store.set("k", text)
    await store.hash_set("h", {"f": text})
    for attempt in (
        store.increment("k"),
        store.increment("k", expire=5),
        store.hash_increment("h", "f"),
        store.hash_increment("h", "f", expire=5),
    ):
        with pytest.raises(StoreError) as caught:
            await attempt
        assert not caught.value.temporary
    assert await store.get("k") == text
    assert await store.hash_get("h", ["f"]) == [text]


async def test_a_counter_does_not_overflow(store: Store) -> None:
    assert await store.increment("k", 2**63 - 1) == 2**63 - 1
    with pytest.raises(StoreError):
        await store.increment("k")
    assert await store.get("k") == b"9223372036854775807"
    await store.increment("m", -(2**63))
    with pytest.raises(StoreError):
        await store.increment("m", -1)


async def test_concurrent_increments_are_all_counted(store: Store) -> None:
    await asyncio.gather(*(store.increment("k") for _ in range(100)))
    await asyncio.gather(*(store.hash_increment("h", "f") for _ in range(100)))
    assert await store.get("k") == b"100"
    assert await store.hash_get("h", ["f"]) == [b"100"]


async def test_a_lease_has_one_owner_until_it_runs_out(backend) -> None:
    store = backend.store
    assert await store.lease("housekeeper", "one", 10)
    assert not await store.lease("housekeeper", "two", 10)
    backend.wait(6)
    assert await store.lease("housekeeper", "one", 10), "the owner prolongs it"
    backend.wait(6)
    assert not await store.lease("housekeeper", "two", 10)
    backend.wait(6)
    assert await store.lease("housekeeper", "two", 10)
    assert await store.compare_and_set("housekeeper", b"two", None), "given up"
    assert await store.lease("housekeeper", "one", 10)


async def test_one_of_many_gets_the_lease(store: Store) -> None:
    got = await asyncio.gather(*(store.lease("l", f"w{i}", 10) for i in range(20)))
    assert sum(got) == 1


# --- collections ----------------------------------------------------------------------------


async def test_fields_are_written_one_by_one(store: Store) -> None:
    await store.hash_set("h", {"a": b"1", "b": b"2"})
    await store.hash_set("h", {"b": b"3", "c": BIG})
    assert await store.hash_get_all("h") == {"a": b"1", "b": b"3", "c": BIG}
    assert await store.hash_delete("h", "a", "none", "a") == 1
    assert await store.hash_get("h", ["a", "b"]) == [None, b"3"]


async def test_a_set_holds_each_member_once(store: Store) -> None:
    assert await store.set_add("s", b"a", b"b", b"a") == 2
    assert await store.set_add("s", b"b", b"", expire=9) == 1
    assert await store.set_members("s") == {b"a", b"b", b""}
    assert await store.set_contains("s", [b"x", b"", b"a"]) == [False, True, True]
    assert await store.set_remove("s", b"a", b"x") == 1
    assert await store.set_members("s") == {b"b", b""}


async def test_a_collection_without_members_does_not_exist(store: Store) -> None:
    await store.hash_set("h", {"a": b"1"})
    await store.hash_delete("h", "a")
    await store.set_add("s", b"a")
    await store.set_remove("s", b"a")
    await store.ranked_add("r", "a", 1, keep=0)
    assert await store.delete("h", "s", "r") == 0


async def test_a_ranked_set_keeps_the_highest(store: Store) -> None:
    for i, member in enumerate("abcdef"):
        await store.ranked_add("r", member, i, keep=3)
    assert await store.ranked_list("r") == [("f", 5.0), ("e", 4.0), ("d", 3.0)]
    await store.ranked_add("r", "late", -1, keep=3)
    assert [member for member, _ in await store.ranked_list("r")] == ["f", "e", "d"]
    await store.ranked_add("r", "d", 9.5, keep=3)
    assert await store.ranked_list("r") == [("d", 9.5), ("f", 5.0), ("e", 4.0)]
    await store.ranked_add("r", "g", 7, keep=2)
    assert await store.ranked_list("r") == [("d", 9.5), ("g", 7.0)]


async def test_adding_to_a_ranked_set_says_whether_the_member_is_new(store: Store) -> None:
    assert await store.ranked_add("r", "a", 1, keep=3)
    assert not await store.ranked_add("r", "a", 2, keep=3)
    assert not await store.ranked_add("r", "a", 5, keep=3, only_if_absent=True)
    assert await store.ranked_add("r", "b", 5, keep=3, only_if_absent=True)
    assert await store.ranked_list("r") == [("b", 5.0), ("a", 2.0)]
    assert await store.ranked_add("r", "c", 3, keep=2, only_if_absent=True)
    assert await store.ranked_list("r") == [("b", 5.0), ("c", 3.0)]


async def test_of_many_that_add_a_member_at_once_one_learns_that_it_is_new(store: Store) -> None:
    adding = [store.ranked_add("r", "a", i, keep=3, only_if_absent=True) for i in range(20)]
    assert sum(await asyncio.gather(*adding)) == 1


async def test_a_newcomer_gets_its_chance_when_a_ranked_set_is_full(store: Store) -> None:
    for member, by in (("a", 5), ("b", 3), ("a", 1), ("c", 0.5)):
        await store.ranked_increment("r", member, by, keep=2)
    assert await store.ranked_list("r") == [("a", 6.0), ("b", 3.0), ("c", 0.5)]
    assert await store.ranked_increment("r", "d", 1, keep=2) == 1.0
    assert await store.ranked_increment("r", "d", 2.5, keep=3) == 3.5
    assert await store.ranked_list("r") == [("a", 6.0), ("d", 3.5), ("b", 3.0)]
    assert await store.ranked_increment("r", "e", 1, keep=0) == 1.0
    assert await store.ranked_list("r") == [("a", 6.0), ("e", 1.0)]
    await store.ranked_add("r", "f", 2, keep=9)
    assert len(await store.ranked_list("r")) == 3


async def test_all_increments_of_a_score_count(store: Store) -> None:
    await asyncio.gather(*(store.ranked_increment("r", "m", 1, keep=3) for _ in range(50)))
    assert await store.ranked_scores("r", ["m"]) == [50.0]


async def test_scores_come_back_in_the_order_asked_for(store: Store) -> None:
    for i in range(0, 200, 2):
        await store.ranked_add("r", f"m{i}", i, keep=200)
    for asked in (range(200), (7, 4, 4), (7,)):
        wanted = [None if i % 2 else float(i) for i in asked]
        assert await store.ranked_scores("r", [f"m{i}" for i in asked]) == wanted


async def test_equal_ranks_go_by_member(store: Store) -> None:
    for member in ("b", "é", "a", "B"):
        await store.ranked_add("r", member, 0.1, keep=3)
    assert await store.ranked_list("r") == [("é", 0.1), ("b", 0.1), ("a", 0.1)]


@pytest.mark.parametrize("score", [float("inf"), float("-inf"), 1e308, 5e-324, 1.7e9 + 1 / 3])
async def test_scores_come_back_exactly(store: Store, score: float) -> None:
    await store.ranked_add("r", "m", score, keep=3)
    assert await store.ranked_list("r") == [("m", score)]


async def test_a_score_is_a_number(store: Store) -> None:
    with pytest.raises(ValueError):
        await store.ranked_add("r", "m", float("nan"), keep=3)
    with pytest.raises(ValueError):
        await store.ranked_increment("r", "m", float("nan"), keep=3)
    await store.ranked_add("r", "m", float("inf"), keep=3)
    with pytest.raises(StoreError) as caught:
        await store.ranked_increment("r", "m", float("-inf"), keep=3)
    assert not caught.value.temporary


# --- types ----------------------------------------------------------------------------------

OF_TYPE: dict[str, Write] = {
    name: WRITES[name] for name in ("set", "hash_set", "set_add", "ranked_add")
}
USES: dict[str, tuple[str, Callable[[Store], Awaitable[object]]]] = {
    "get": ("set", lambda s: s.get("k")),
    "increment": ("set", lambda s: s.increment("k")),
    "increment with expire": ("set", lambda s: s.increment("k", expire=5)),
    "compare_and_set": ("set", lambda s: s.compare_and_set("k", b"1", None)),
    "lease": ("set", lambda s: s.lease("k", "1", 5)),
    "hash_get": ("hash_set", lambda s: s.hash_get("k", ["f"])),
    "hash_get_all": ("hash_set", lambda s: s.hash_get_all("k")),
    "hash_set": ("hash_set", lambda s: s.hash_set("k", {"f": b"1"})),
    "hash_increment": ("hash_set", lambda s: s.hash_increment("k", "f")),
    "hash_delete": ("hash_set", lambda s: s.hash_delete("k", "f")),
    "set_add": ("set_add", lambda s: s.set_add("k", b"1")),
    "set_remove": ("set_add", lambda s: s.set_remove("k", b"1")),
    "set_contains": ("set_add", lambda s: s.set_contains("k", [b"1"])),
    "set_members": ("set_add", lambda s: s.set_members("k")),
    "ranked_add": ("ranked_add", lambda s: s.ranked_add("k", "m", 1, keep=2)),
    "ranked_increment": ("ranked_add", lambda s: s.ranked_increment("k", "m", 1, keep=2)),
    "ranked_scores": ("ranked_add", lambda s: s.ranked_scores("k", ["m"])),
    "ranked_list": ("ranked_add", lambda s: s.ranked_list("k")),
}


@pytest.mark.parametrize("written", OF_TYPE)
@pytest.mark.parametrize("use", USES)
async def test_an_operation_of_another_type_is_refused(store: Store, written, use) -> None:
    await OF_TYPE[written](store, None)
    own_type, attempt = USES[use]
    if own_type == written:
        await attempt(store)
        return
    with pytest.raises(StoreError) as caught:
        await attempt(store)
    assert not caught.value.temporary
    assert await store.delete("k") == 1


@pytest.mark.parametrize("written", OF_TYPE)
async def test_set_writes_over_any_type_and_leaves_nothing_of_it(store: Store, written) -> None:
    await OF_TYPE[written](store, None)
    await store.set("k", b"v")
    assert await store.get("k") == b"v"
    await store.delete("k")
    for again in ("hash_set", "set_add", "ranked_add"):
        await OF_TYPE[again](store, None)
        assert await store.get_many(["k"]) == [None]
        await store.delete("k")


async def test_a_closed_store_raises(store: Store) -> None:
    await store.set("k", b"v")
    await store.close()
    with pytest.raises(StoreError):
        await store.get("k")
    await store.close()
