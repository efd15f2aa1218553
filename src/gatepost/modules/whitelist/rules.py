# SPDX-License-Identifier: Apache-2.0
"""A rule of the whitelist: which domains it lists, and as what.

Source: direction-modules reference §11.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Literal, NamedTuple

import msgspec

from gatepost.config import Raw
from gatepost.mail import registrable_domain
from gatepost.scan.maps import Map
from gatepost.scan.module import Symbol
from gatepost.ucl import Array, Value

SHIPPED_SCORES = {
    "WHITELIST_SPF": -1.0,
    "BLACKLIST_SPF": 1.0,
    "WHITELIST_DKIM": -1.0,
    "BLACKLIST_DKIM": 2.0,
    "WHITELIST_SPF_DKIM": -3.0,
    "BLACKLIST_SPF_DKIM": 3.0,
    "WHITELIST_DMARC": -7.0,
    "BLACKLIST_DMARC": 6.0,
}
"""Those of the rules that are shipped, where neither rule nor group says otherwise."""

VALUE = re.compile(r"(?:(wl|bl|both)(?::|$))?\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)?")
"""What a domain is listed as: ``bl``, ``both:2.0``, ``0.5``."""

Mode = Literal["wl", "bl", "both"]


class RuleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``rules { SYMBOL { … } }``: one list of domains."""

    domains: Raw = None
    """The list: domains, `[domain, multiplier]` pairs, or maps of domain → `MODE:MULTIPLIER`,
    where the mode is `wl`, `bl` or `both`."""
    valid_spf: bool = False
    """SPF has to pass, for a sender in the list."""
    valid_dkim: bool = False
    """A signature of a domain in the list has to hold."""
    valid_dmarc: bool = False
    """DMARC has to pass, for an author in the list."""
    strict: bool = False
    """Every domain that has no mode of its own is `both`."""
    blacklist: bool = False
    """Every domain that has no mode of its own is `bl`."""
    inverse_symbol: str | None = None
    """The symbol of letters that only claim to be from the list; without one, the rule's own
    counts the other way round."""
    inverse_multiplier: float = 1.0
    """How much more such a letter weighs."""
    score: float | None = None
    """The score of the rule's symbol."""
    group: str = "whitelist"
    """The group of both symbols."""
    one_shot: bool = False
    """The symbol counts once for a letter."""
    description: str = ""
    """What the rule's symbol says."""


class Entry(NamedTuple):
    """A listed domain."""

    domain: str
    mode: Mode
    multiplier: float


class Rule(NamedTuple):
    """A rule as it runs. ``declares_inverse``: no other rule has declared that symbol."""

    options: RuleOptions
    domains: Map
    symbol: Symbol
    inverse: Symbol | None
    declares_inverse: bool

    def find(self, domain: str) -> Entry | None:
        """The entry of this very domain."""
        value = self.domains.find(domain) if domain else None
        if value is None:
            return None
        match = VALUE.fullmatch(value.strip())
        mode, number = (match[1], match[2]) if match else (None, None)
        multiplier = parse_number(number)
        match mode:
            case "wl" | "bl" | "both":
                return Entry(domain, mode, multiplier)
        if self.options.strict:
            return Entry(domain, "both", multiplier)
        return Entry(domain, "bl" if self.options.blacklist else "wl", multiplier)

    def find_owner(self, domain: str) -> Entry | None:
        """The entry of the registrable domain that ``domain`` belongs to."""
        return self.find(registrable_domain(domain)) if domain else None


def map_lines(domains: Value) -> Value:
    """Pairs ``[domain, multiplier]`` as lines of a map."""
    if not isinstance(domains, list):
        return domains
    return Array([" ".join(map(str, one)) if isinstance(one, list) else one for one in domains])


def build_symbol(name: str, options: RuleOptions, score: float | None) -> Symbol:
    """A symbol of the rule; without a ``score``, that of the shipped rules, or none."""
    return Symbol(
        name,
        SHIPPED_SCORES.get(name, 0.0) if score is None else score,
        options.description,
        group=options.group,
        one_shot=options.one_shot,
    )


def build_inverse(name: str, options: RuleOptions) -> Symbol:
    """The inverse symbol of the rule: one of our own speaks against as ``score`` does for."""
    known = options.score is None or name in SHIPPED_SCORES
    return build_symbol(name, options, None if known else -(options.score or 0.0))


def parse_number(text: str | None) -> float:
    """A multiplier; 1 where there is none, or none that can be used."""
    try:
        number = float(text) if text else 1.0
    except ValueError:
        return 1.0
    return number if isfinite(number) else 1.0
