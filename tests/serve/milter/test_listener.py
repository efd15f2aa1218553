# SPDX-License-Identifier: Apache-2.0
import pytest

from gatepost.serve.milter import answers as a
from gatepost.serve.milter.listener import Listener, MilterCounters
from gatepost.serve.milter.options import MilterOptions


class Caller:
    """A connection as far as its listener cares."""

    is_idle = True

    def __init__(self, source="192.0.2.1"):
        self.source = source

    def close(self): ...
    def give_up(self): ...


async def never(headers, body, peer):
    raise AssertionError("nothing is scanned here")


def listener(**options):
    return Listener(never, MilterOptions(**options), max_message=1, timeout=1, max_held=1)


def test_connections_are_bounded_in_all_and_by_source():
    here = listener(max_connections=3, max_connections_per_source=2)
    first, second = Caller(), Caller()
    assert here.admit(first) and here.admit(second)
    refused = Caller()
    assert not here.admit(refused)
    here.release(refused)
    assert here.admit(Caller("192.0.2.2"))
    assert not here.admit(Caller("192.0.2.3"))
    here.release(first)
    assert here.admit(Caller())
    assert (here.counters.connections, here.counters.refused_connections) == (4, 2)


def test_a_draining_listener_takes_nobody():
    here = listener()
    here.draining = True
    assert not here.admit(Caller())


@pytest.mark.parametrize(
    "given, name",
    [
        ([a.AddHeader("X", "1"), a.Accept()], "accepted"),
        ([a.Quarantine("x"), a.Accept()], "quarantined"),
        ([a.ReplyCode("554 5.7.1 x")], "rejected"),
        ([a.ReplyCode("451 4.7.1 x")], "tempfailed"),
        ([a.Tempfail()], "tempfailed"),
        ([a.Discard()], "discarded"),
    ],
)
def test_each_message_is_counted_once(given, name):
    counters = MilterCounters()
    counters.count(given)
    assert counters == MilterCounters(**{name: 1})
