# SPDX-License-Identifier: Apache-2.0
"""Letters and a bench for the tests of greylisting."""

from __future__ import annotations

from gatepost.modules.greylist import Greylist
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.store import Store
from gatepost.testing import NOW, Bench, Letter, Scanned, mail

MINUTE = 60.0
LOCAL = "10.1.2.3"
UNTIL = "Thu, 01 Jan 2026 00:05:00 GMT"  # NOW and five minutes
NEW = {"GREYLIST": ["greylisted", UNTIL, "new record"]}
EARLY = {"GREYLIST": ["greylisted", UNTIL, "too early"]}


class Scores(Module):
    """Gives a letter the score that its X-Score says; X-Wish asks for greylisting or an action."""

    name = "scores"
    group = "scores"
    outbound = RunAlways()

    SCORE = Symbol("SCORE", 1.0)
    TRUSTED = Symbol("TRUSTED", 0.0)

    @runs(Stage.FILTER, callback="SCORES")
    def check(self, task: Task) -> PlainHits:
        """Does as the letter says."""
        yield self.SCORE(weight=float(task.message.headers.get("X-Score") or 0))
        match task.message.headers.get("X-Wish"):
            case None:
                pass
            case "wait":
                task.variables["grey_greylisted_required"] = True
            case "trust":
                yield self.TRUSTED()
            case action:
                task.set_pre_result(action, "so", module="scores", least=True)


CORE = 'options { local_addrs = "10.0.0.0/8"; } actions { reject = 15; "add header" = 6; '
SHIPPED = CORE + "greylist = 4; }"


def bench(options: str = "", *, store: Store | None = None, core: str = SHIPPED, **more) -> Bench:
    config = f"{core} greylist {{ {options} }}"
    return Bench([Greylist, Scores], config=config, store=store, **more)


def letter(score: float = 5.0, *, wish: str = "", subject: str = "a letter", **more) -> Letter:
    headers = {"X-Score": str(score), "X-Wish": wish, "Subject": subject}
    return mail(headers=headers, **more)


def hits(found: Scanned) -> dict[str, list[str]]:
    return {name: options for name, options in found.hits.items() if name != "SCORE"}


async def first_and_second(
    first: Letter, second: Letter, options: str = "", *, after: float = 10 * MINUTE
) -> tuple[Scanned, Scanned]:
    async with bench(options) as one:
        return await one.scan(first), await one.scan(second, now=NOW + after)
