# SPDX-License-Identifier: Apache-2.0
"""What connections of one listener share."""

from gatepost.serve.scan_listener import ScanListener
from gatepost.serve.scan_options import ScanPortOptions
from scan_port_client import Scanner


class Somebody:
    def give_up(self):
        raise AssertionError


def test_it_admits_as_many_as_it_may():
    listener = ScanListener(Scanner(), ScanPortOptions(max_tasks=1))
    first, second = Somebody(), Somebody()
    assert listener.admit(first)
    assert not listener.admit(second)
    listener.release(second)
    listener.rest(first)
    assert listener.admit(second)
    assert listener.members == {first, second}
    listener.release(first)
    listener.release(second)
    assert not listener.members | listener.busy


def test_it_is_not_ready_while_it_drains():
    listener = ScanListener(Scanner(), ScanPortOptions())
    assert not listener.is_ready()
    listener.ready = True
    assert listener.is_ready()
    listener.draining = True
    assert not listener.is_ready()
    assert not listener.admit(Somebody())


def test_by_default_it_holds_four_of_the_largest_messages():
    assert ScanListener(Scanner(), ScanPortOptions()).budget.limit == 4 * 50 * 1024 * 1024
    assert ScanListener(Scanner(), ScanPortOptions(max_held=70)).budget.limit == 70
