# SPDX-License-Identifier: Apache-2.0
"""One pass over a text for many patterns."""

from threading import Thread

import pytest

from gatepost.scan.sweep import Sweep, SweepPattern


def sweep(*sources, utf=False, **switches):
    return Sweep([SweepPattern(source, **switches) for source in sources], utf=utf)


@pytest.mark.parametrize(
    ("source", "exact", "unswept"),
    [
        (b"plain", True, False),
        (b"(?=ahead)a", False, False),
        (rb"(a)\1", False, False),
        (b"a++b", False, False),
        (b"(?i)a", True, False),
        (rb"\Ra", False, True),
        (b"(*UTF)a", False, True),
        (b"a{1,40000}", False, True),
    ],
)
def test_what_hyperscan_holds(source, exact, unswept):
    found = sweep(b"other", source, b"third")
    assert (1 in found.exact, 1 in found.unswept) == (exact, unswept)
    assert {0, 2} <= found.exact
    assert sorted(found.find(b"other third")) == [0, 2]


def test_switches():
    assert sweep(b"^B.C $ # x", extended=True, caseless=True, dotall=True, multiline=True).find(
        b"a\nb\nc\nd"
    ) == [0]


def test_nothing_to_look_for():
    empty = sweep()
    assert empty.find(b"x") == [] and empty.unswept == []


def test_each_thread_may_sweep_at_the_same_time():
    found = sweep(b"a.*b", b"c")
    text = b"a" + b"x" * 200_000 + b"bc"
    results = []
    threads = [Thread(target=lambda: results.append(sorted(found.find(text)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[0, 1]] * 8


def test_many_patterns_and_a_few_odd_ones():
    sources = [b"word%d end" % i for i in range(500)]
    sources[100:100] = [rb"\Ra", b"(?<!a)word7 end", b"z{40000}"]
    found = sweep(*sources)
    hits = found.find(b"-word7 end-word450 end")
    assert {7, 101, 453} <= set(hits)
    assert found.unswept == [100, 102]
