# SPDX-License-Identifier: Apache-2.0
"""What does a list mean by its answer? Return codes and bits, and the symbols they stand for.

Source: direction-modules reference §16 (returncodes, returnbits, returncodes_matcher).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from gatepost.modules.rbl.lua_pattern import lua_pattern
from gatepost.scan.regexps import RegexpError, glob_regexp, parse_regexp

Matcher = Literal["equality", "luapattern", "glob", "regexp", "radix"]
Test = Callable[[str], bool]
MAX_REMEMBERED = 1024
"""Addresses whose meaning is kept: a list has few answers, but nothing makes it keep to that."""


class Codes:
    """The symbols for an address that a list answered with. Immutable but for its memory."""

    def __init__(self, tests: Sequence[tuple[str, Test]]) -> None:
        self._tests = tests
        self._known: dict[str, tuple[str, ...]] = {}

    def meaning(self, address: str) -> tuple[str, ...]:
        """The symbols, in the order of the configuration; none for an unknown answer."""
        found = self._known.get(address)
        if found is None:
            found = tuple(symbol for symbol, test in self._tests if test(address))
            if len(self._known) < MAX_REMEMBERED:
                self._known[address] = found
        return found


def read_codes(
    codes: Mapping[str, Sequence[str]], matcher: Matcher | None, complain: Callable[[str], None]
) -> Codes:
    """``codes`` are texts by symbol. A ``%`` or ``[`` in one makes all of them Lua patterns, as
    in Rspamd, unless a ``matcher`` is named. What cannot be read is complained of, and left out.
    """
    texts = [text for several in codes.values() for text in several]
    kind = matcher or "equality"
    if kind == "equality" and any("%" in text or "[" in text for text in texts):
        kind = "luapattern"
    tests: list[tuple[str, Test]] = []
    for symbol, several in codes.items():
        for text in several:
            try:
                tests.append((symbol, TESTS[kind](text)))
            except (ValueError, RegexpError) as error:
                complain(f"{symbol}: `{text[:80]}`: {error}")
    return Codes(_joined(tests))


def read_bits(bits: Mapping[str, Sequence[int]]) -> Codes:
    """``bits`` are masks by symbol: one of them has to be set in the address as a whole."""
    return Codes([(symbol, _bits_test(tuple(masks))) for symbol, masks in bits.items()])


def _joined(tests: Sequence[tuple[str, Test]]) -> list[tuple[str, Test]]:
    """One test for each symbol, so that each is given once."""
    by_symbol: dict[str, list[Test]] = {}
    for symbol, test in tests:
        by_symbol.setdefault(symbol, []).append(test)
    return [(symbol, _any_of(tuple(several))) for symbol, several in by_symbol.items()]


def _any_of(tests: tuple[Test, ...]) -> Test:
    return tests[0] if len(tests) == 1 else lambda text: any(test(text) for test in tests)


def _bits_test(masks: tuple[int, ...]) -> Test:
    def test(text: str) -> bool:
        try:
            number = int(ipaddress.IPv4Address(text))
        except ValueError:
            return False
        return any(number & mask == mask for mask in masks)

    return test


def _lua_test(text: str) -> Test:
    pattern = lua_pattern(text)
    return lambda address: pattern.match(address) is not None


def _network_test(text: str) -> Test:
    network = ipaddress.ip_network(text, strict=False)
    return lambda address: ipaddress.ip_address(address) in network


TESTS: dict[str, Callable[[str], Test]] = {
    "equality": lambda text: text.__eq__,
    "luapattern": _lua_test,
    "glob": lambda text: glob_regexp(text).test,
    "regexp": lambda text: parse_regexp(text).test,
    "radix": _network_test,
}
