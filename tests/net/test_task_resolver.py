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
