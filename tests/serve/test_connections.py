# SPDX-License-Identifier: Apache-2.0
"""What connections of any listener share: a budget of bytes, scans, and their end."""

from __future__ import annotations

import asyncio

import pytest

from gatepost.serve.connections import ByteBudget, Connections
from scan_port_client import Scanner


class Caller:
    """A connection that leaves when its scan ends, or when it is told to give up."""

    def __init__(self, connections: Connections[Caller]) -> None:
        self.connections = connections
        self.may_end = asyncio.Event()
        self.gave_up = False
        connections.members.add(self)
        self.scan = connections.start(self.run())

    async def run(self) -> None:
        await self.may_end.wait()
        self.leave()

    def leave(self) -> None:
        self.connections.members.discard(self)
        self.connections.changed.set()

    def give_up(self) -> None:
        self.gave_up = True
        self.scan.cancel()
        self.leave()


def test_what_is_beyond_the_budget_is_not_held() -> None:
    budget = ByteBudget(10)
    assert budget.take(10) and not budget.take(1)
    assert budget.take(0)
    budget.give(4)
    assert budget.take(4) and budget.held == 10


@pytest.mark.parametrize("in_time", [True, False])
async def test_those_that_do_not_end_in_time_give_up(in_time: bool) -> None:
    connections: Connections[Caller] = Connections(Scanner(), max_held=1)
    caller = Caller(connections)
    if in_time:
        caller.may_end.set()
    await connections.drain(5.0 if in_time else 0.0)
    assert (caller.gave_up, caller.scan.done()) == (not in_time, True)
    assert connections.draining and not connections.members
    assert all(scan.done() for scan in connections.tasks)
