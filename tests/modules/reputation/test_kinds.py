# SPDX-License-Identifier: Apache-2.0
"""What each selector makes of what is known of its tokens."""

from __future__ import annotations

import pytest

from gatepost.modules.reputation.kinds import (
    DkimKind,
    Finding,
    GenericKind,
    Known,
    SenderKind,
    SpfKind,
    UrlKind,
)
from gatepost.modules.reputation.options import (
    DkimOptions,
    GenericOptions,
    IpOptions,
    SpfOptions,
    UrlOptions,
)
from gatepost.modules.reputation.scoring import Standing
from gatepost.modules.reputation.tokens import Token
from gatepost.scan.selectors import parse_selector


def weigh(standing: Standing) -> float:
    """The first average as it stands: the curve is tested elsewhere."""
    return standing.averages[0] if standing.averages else 0.0


def known(*pairs: tuple[Token, float]) -> Known:
    return [(token, Standing(10, (average,))) for token, average in pairs]


IP = SenderKind(IpOptions())
ASN = Token("64496", "a:", share=0.4, label="asn")
COUNTRY = Token("XX", "c:", share=0.01, label="country")
CLIENT = Token("203.0.113.7", "i:", share=1.0, label="ip")


@pytest.mark.parametrize(
    "found, expected",
    [
        (known((CLIENT, -0.5)), [Finding(-0.5, "ip: 203.0.113.7(-0.50)")]),
        (
            known((ASN, 0.5), (COUNTRY, 0.5), (CLIENT, -0.25)),
            [
                Finding(
                    pytest.approx(-0.045),  # type: ignore[arg-type]
                    "asn: 64496(0.20), country: XX(0.01), ip: 203.0.113.7(-0.25)",
                )
            ],
        ),
        (known((COUNTRY, 0.1)), []),  # 0.001 is next to nothing
        (known((ASN, 0.5), (CLIENT, -0.2)), []),
        (known(), []),
    ],
)
def test_the_parts_of_a_place_count_by_their_shares(found: Known, expected: list[Finding]) -> None:
    assert IP.findings(found, weigh) == expected


SPF, USERS = (
    SpfKind(SpfOptions()),
    GenericKind(GenericOptions(selector="user"), parse_selector("user")),
)


@pytest.mark.parametrize("kind", [SPF, USERS])
@pytest.mark.parametrize(
    "averages, weights",
    [([0.25], [0.25]), ([-0.25], [-0.25]), ([0.001], []), ([0.5, 0, -0.5], [0.5, -0.5]), ([], [])],
)
def test_others_are_found_one_by_one(kind, averages: list[float], weights: list[float]) -> None:
    found = kind.findings(known(*((Token("x"), average) for average in averages)), weigh)
    assert [finding.weight for finding in found] == weights
    assert [finding.option for finding in found] == [f"{weight:g}" for weight in weights]


@pytest.mark.parametrize(
    "averages, weight",
    [([], 0), ([0], 0), ([0.5], 0.5), ([0.5, 0.25], 0.75), ([1, 1, 1], 1), ([-1, -0.5], -1)],
)
def test_signers_are_summed_within_one(averages: list[float], weight: float) -> None:
    pairs = ((Token("example.org.a"), average) for average in averages)
    (finding,) = DkimKind(DkimOptions()).findings(known(*pairs), weigh)
    assert (finding.weight, finding.sum) == (weight, sum(averages))


def test_only_signatures_that_hold_are_judged() -> None:
    tokens = [
        Token("example.org.a", label="example.org"),
        Token("example.net.r", label="example.net"),
        Token("example.com.u", label="example.com"),
        Token("x.a.r", label="x.a"),
    ]
    assert DkimKind(DkimOptions()).wanted(tokens) == tokens[:1]
    assert USERS.wanted(tokens) == tokens


@pytest.mark.parametrize(
    "links, letters, averages, weight",
    [
        ([1], [10], [0.5], 0.05),
        ([3, 1], [20, 10], [0.5, -0.5], 0.05),
        ([1], [0], [0.5], None),  # nobody has seen it
        ([1, 1], [10, 10], [0.005, -0.005], None),
        ([], [], [], None),
    ],
)
def test_links_count_over_the_letters_of_the_best_known(links, letters, averages, weight) -> None:
    found = [
        (Token("x", share=float(share)), Standing(count, (average,)))
        for share, count, average in zip(links, letters, averages, strict=True)
    ]
    result = UrlKind(UrlOptions()).findings(found, weigh)
    assert [one.weight for one in result] == ([] if weight is None else [pytest.approx(weight)])
