# SPDX-License-Identifier: Apache-2.0
"""Trust begins at the newest hop and ends with the first that is not trusted."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arc_kit import PLAIN, chain_of, pass_on
from gatepost.authn import ArcVerdict
from gatepost.modules.arc.trust import find_trusted


@pytest.mark.parametrize(
    "hops, trusted, instance",
    [
        ("a", "a", 1),
        ("a", "b", None),
        ("ab", "b", 2),
        ("ab", "a", None),
        ("abc", "bc", 2),
        ("abc", "ac", 3),
        ("abc", "abc", 1),
        ("abc", "ab", None),
        ("aba", "a", 3),
    ],
)
async def test_the_oldest_of_the_newest_trusted_hops_is_believed(hops, trusted, instance):
    chain = await chain_of(await pass_on(PLAIN, *[f"{hop}.example" for hop in hops]))
    names = {f"{name}.example" for name in trusted}
    found = find_trusted(chain, names.__contains__, "example.org")
    assert (found.hop.instance if found else None) == instance


@pytest.mark.parametrize(
    "results, weight, passed",
    [
        ("mx; dmarc=pass", 1.0, True),
        ("mx; dmarc=pass header.from=Example.ORG", 1.0, True),
        ("mx; dmarc=pass header.from=other.example", 1.0, False),
        ("mx; dmarc=pass; dmarc=fail", 0.0, False),
        ("mx; dmarc=none", 1.0, False),
        ("mx; dmarc=quarantine", 0.0, False),
        ("mx; spf=fail", 0.5, False),
        ("mx; spf=fail; dmarc=pass", 0.5, True),
        ("mx; dmarc=pass; spf=fail", 1.0, True),
        ("mx; spf=pass; dkim=fail", 1.0, False),
        ("mx; none", 1.0, False),
        ("", 1.0, False),
        ("mx; (dmarc=pass", 1.0, False),
    ],
)
async def test_what_the_hop_found_decides(results, weight, passed):
    chain = with_results(await chain_of(await pass_on(PLAIN, "a.example")), results)
    found = find_trusted(chain, lambda _: True, "example.org")
    assert (found.weight, found.dmarc_passed) == (weight, passed)


def with_results(chain: ArcVerdict, results: str) -> ArcVerdict:
    one = msgspec.structs.replace(chain.sets[0], results=results)
    return msgspec.structs.replace(chain, sets=(one,))


@pytest.mark.parametrize("status", ["none", "fail"])
async def test_nobody_is_believed_in_a_chain_that_does_not_hold(status):
    chain = await chain_of(await pass_on(PLAIN, "a.example"))
    broken = msgspec.structs.replace(chain, status=status)
    assert find_trusted(broken, lambda _: True, "example.org") is None


@settings(max_examples=50)
@given(st.text(max_size=200))
async def test_any_text_may_stand_in_the_results(results):
    chain = with_results(await chain_of(await pass_on(PLAIN, "b.example")), results)
    found = find_trusted(chain, lambda _: True, "example.org")
    assert 0.0 <= found.weight <= 1.0
