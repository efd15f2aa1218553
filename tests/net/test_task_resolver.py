# SPDX-License-Identifier: Apache-2.0
"""One message's questions: counted, limited, not repeated."""

import asyncio

from gatepost.net import Answer, TaskResolver


class Zone:
    """A resolver that remembers what it was asked and answers when told to."""

    def __init__(self):
        self.asked = []
        self.go = asyncio.Event()

    async def query(self, name, type):
        self.asked.append((name, type))
        await self.go.wait()
        return Answer("noerror", (name,), 60)


async def test_a_question_is_asked_once():
    zone = Zone()
    task = TaskResolver(zone)
    waiting = [asyncio.ensure_future(task.query(n, "A")) for n in ("a.test", "A.test.", "a.test")]
    await asyncio.sleep(0)
    zone.go.set()
    assert all(answer.ok for answer in await asyncio.gather(*waiting))
    assert len(zone.asked) == 1 and task.requests == 1
    await task.query("a.test", "TXT")
    assert task.requests == 2


async def test_beyond_the_limit_only_old_questions_answer():
    zone = Zone()
    zone.go.set()
    task = TaskResolver(zone, 2)
    answers = [await task.query(name, "A") for name in ("a", "b", "c", "a")]
    assert [answer.rcode for answer in answers] == ["noerror", "noerror", "limit", "noerror"]
    assert len(zone.asked) == 2


async def test_no_limit():
    zone = Zone()
    zone.go.set()
    task = TaskResolver(zone, 0)
    assert all([(await task.query(str(i), "A")).ok for i in range(200)])


async def test_an_asker_that_leaves_does_not_take_the_answer_with_it():
    zone = Zone()
    task = TaskResolver(zone)
    first = asyncio.ensure_future(task.query("a", "A"))
    second = asyncio.ensure_future(task.query("a", "A"))
    await asyncio.sleep(0)
    first.cancel()
    zone.go.set()
    assert (await second).ok


class PromptZone(Zone):
    """Knows names that begin with ``known`` at once."""

    def begin(self, name, type):
        self.asked.append((name, type))
        if name.startswith("known"):
            return Answer("noerror", (name,), 60)
        self.asked.pop()
        return asyncio.ensure_future(self.query(name, type))


async def test_what_is_known_at_once_is_said_at_once():
    task = TaskResolver(PromptZone())
    assert task.begin("known.test", "A").records == ("known.test",)
    assert task.begin("KNOWN.test.", "A").records == ("known.test",)
    assert task.requests == 1 and len(task.resolver.asked) == 1


async def test_who_asks_what_is_asked_already_gets_the_same_future():
    zone = PromptZone()
    task = TaskResolver(zone)
    first = task.begin("a.test", "A")
    assert task.begin("A.test", "A") is first
    zone.go.set()
    assert (await first).ok
    assert task.begin("a.test", "A").ok  # it has come: no need to wait
    assert task.requests == 1 and len(zone.asked) == 1


async def test_what_was_begun_counts_once_however_it_is_asked():
    zone = PromptZone()
    task = TaskResolver(zone, 1)
    begun = task.begin("a.test", "A")
    waited = asyncio.ensure_future(task.query("a.test", "A"))
    await asyncio.sleep(0)
    zone.go.set()
    assert (await begun).ok and (await waited).ok
    assert task.requests == 1


async def test_beyond_the_limit_only_forced_questions_are_begun():
    task = TaskResolver(PromptZone(), 1)
    assert task.begin("known.1", "A").ok
    assert task.begin("known.2", "A").rcode == "limit"
    assert task.begin("known.3", "A", forced=True).ok
    assert task.requests == 2


async def test_a_question_that_ended_with_the_resolver_says_so():
    task = TaskResolver(PromptZone())
    begun = task.begin("a.test", "A")
    begun.cancel()
    await asyncio.wait([begun])
    assert task.begin("a.test", "A") == Answer("closed")


async def test_who_asks_little_asks_beyond_the_limit_and_is_counted():
    zone = PromptZone()
    task = TaskResolver(zone, 1)
    asking = [task.forced(5.0).query(name, "A") for name in ("a", "b", "b")]
    answers = asyncio.gather(*asking)
    await asyncio.sleep(0)
    zone.go.set()
    assert all(answer.ok for answer in await answers)
    assert task.requests == len(zone.asked) == 2
    assert (await task.query("c", "A")).rcode == "limit"
    assert (await task.forced(5.0).query("b", "A")).ok


async def test_all_forced_questions_share_one_time():
    zone = PromptZone()
    task = TaskResolver(zone)
    forced = task.forced(0.05)
    began = asyncio.get_running_loop().time()
    for name in ("a", "b", "c", "a"):
        assert (await forced.query(name, "A")).rcode == "timeout"
    assert 0.04 < asyncio.get_running_loop().time() - began < 2.0
    zone.go.set()
    assert (await task.query("a", "A")).ok
    assert (await forced.query("a", "A")).ok  # it has come since
