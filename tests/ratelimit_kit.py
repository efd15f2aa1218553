# SPDX-License-Identifier: Apache-2.0
"""Modules that decide and wait, and a bench, for the tests of rate limits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gatepost.modules.ratelimit import Ratelimit
from gatepost.scan.module import Hits, Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.store import Store
from gatepost.testing import NOW, Bench, Letter

TWO_A_MINUTE = 'rates { user { bucket { burst = 2; rate = "2 / 1m"; } } }'
LOCAL, PUBLIC = "127.0.0.1", "203.0.113.7"
LIMITED = 'Ratelimit "user" exceeded'


class Decides(Module):
    """Says of a letter what its Subject says: a symbol, an action, or nothing."""

    name = "decides"
    group = "decides"
    outbound = RunAlways()

    SPAM = Symbol("SPAM", 20.0)
    MORE = Symbol("MORE_SPAM", 1.0)
    HAM = Symbol("HAM", -1.0)

    @runs(Stage.FILTER, callback="DECIDES")
    def check(self, task: Task) -> PlainHits:
        """The word of the Subject."""
        match task.message.subject:
            case "spam":
                yield self.SPAM()
                yield self.MORE()
            case "ham":
                yield self.HAM()
            case "at least add header":
                task.set_pre_result("add header", "so", module="decides", least=True)
            case "a letter":
                pass
            case action:
                task.set_pre_result(action, "so", module="decides")


class Waits(Module):
    """Never comes to an end."""

    name = "waits"
    group = "waits"
    outbound = RunAlways()
    reached = asyncio.Event()

    @runs(Stage.FILTER, callback="WAITS")
    async def check(self, task: Task) -> Hits:
        """Waits for nothing."""
        self.reached.set()
        await asyncio.Event().wait()
        yield Symbol("NEVER", 0.0)()


def bench(
    options: str = TWO_A_MINUTE, *, store: Store | None = None, folder: Path | None = None
) -> Bench:
    config = f"actions {{ reject = 15; }} ratelimit {{ {options} }}"
    return Bench([Ratelimit, Decides], config=config, store=store, folder=folder)


async def actions(where: Bench, *letters: Letter, now: float = NOW) -> list[str]:
    return [(await where.scan(letter, now=now)).action for letter in letters]


async def limited_after(
    options: str, letter: Letter, *, most: int = 6, folder: Path | None = None
) -> int | None:
    """How many such letters pass; ``None`` when all of ``most`` do."""
    async with bench(options, folder=folder) as one:
        for sent in range(most):
            if (await one.scan(letter)).action == "soft reject":
                return sent
    return None
