# SPDX-License-Identifier: Apache-2.0
"""What do the hops that we trust say of the letter they passed on?

A hop is believed only if everyone who sealed after it is trusted as well: a later sealer could
have put any letter below the seals of others, and a chain holds as long as its newest signature
does. So trust begins at the newest set and goes back as far as it reaches; the oldest hop there,
where the letter came to trusted hands, is the one whose results count.

Source: direction-modules reference §5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gatepost.authn import ArcSet, ArcVerdict, parse_authentication_results

BAD = frozenset({"reject", "fail", "quarantine"})


class Trusted(NamedTuple):
    """The hop that is believed. ``weight``: by how much the symbol counts."""

    hop: ArcSet
    weight: float
    dmarc_passed: bool


def find_trusted(
    chain: ArcVerdict, is_trusted: Callable[[str], bool], author_domain: str
) -> Trusted | None:
    """Who is believed, and how much; ``None`` if the newest hop is not, or the chain is broken.

    ``author_domain`` is the domain in From: DMARC has to have passed for that one.
    """
    if not chain.passed:
        return None
    oldest = None
    for one in reversed(chain.sets):
        if not is_trusted(one.seal.domain) or one.message.domain != one.seal.domain:
            break
        oldest = one
    if oldest is None:
        return None
    weight, passed, seen_dmarc = 1.0, False, False
    for result in parse_authentication_results(oldest.results.encode()).results:
        if result.method == "dmarc":
            seen_dmarc = True
            if result.result in BAD:
                weight = 0.0
            elif result.result == "pass":
                passed = (result.value("header", "from") or author_domain).lower() == author_domain
        elif result.method == "spf" and result.result in BAD and not seen_dmarc:
            weight *= 0.5
    return Trusted(oldest, weight, passed and weight > 0)
