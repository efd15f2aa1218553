# SPDX-License-Identifier: Apache-2.0
"""What answers mean: codes in every notation, and bits."""

from __future__ import annotations

import pytest

from gatepost.modules.rbl.codes import MAX_REMEMBERED, Codes, Matcher, read_bits, read_codes

NAMED = {"SBL": ["127.0.0.2"], "XBL": ["127.0.0.4", "127.0.0.5"]}
DNSWL = {"NONE": ["127.0.%d+.0"], "LOW": ["127.0.%d+.1"]}


def codes(given: dict[str, list[str]], matcher: Matcher | None = None) -> Codes:
    complaints: list[str] = []
    found = read_codes(given, matcher, complaints.append)
    assert complaints == []
    return found


@pytest.mark.parametrize(
    ("given", "matcher", "address", "meaning"),
    [
        (NAMED, None, "127.0.0.2", ("SBL",)),
        (NAMED, None, "127.0.0.5", ("XBL",)),
        (NAMED, None, "127.0.0.22", ()),
        (NAMED, "equality", "127x0.0.2", ()),
        (DNSWL, None, "127.0.15.1", ("LOW",)),
        (DNSWL, "equality", "127.0.15.1", ("LOW",)),  # as rspamd: `%` makes it a pattern
        (DNSWL, "luapattern", "127.0.15.2", ()),
        ({"A": ["127.0.[01].1"]}, None, "127.0.1.1", ("A",)),
        ({"A": ["127.0.*.1"]}, "glob", "127.0.77.1", ("A",)),
        ({"A": ["127.0.*.1"]}, "glob", "127.0.77.10", ()),
        ({"A": ["/^127\\.0\\.0\\.[23]$/"]}, "regexp", "127.0.0.3", ("A",)),
        ({"A": ["/^127\\.0\\.0\\.[23]$/"]}, "regexp", "127.0.0.4", ()),
        ({"A": ["127.0.0.0/30"], "B": ["127.0.0.2"]}, "radix", "127.0.0.2", ("A", "B")),
        ({"A": ["127.0.0.0/30"]}, "radix", "127.0.0.4", ()),
        ({"A": ["127.0.0.2", "127.0.0.%d"]}, None, "127.0.0.2", ("A",)),
    ],
)
def test_return_codes(
    given: dict[str, list[str]], matcher: Matcher | None, address: str, meaning: tuple[str, ...]
) -> None:
    assert codes(given, matcher).meaning(address) == meaning


@pytest.mark.parametrize(
    ("address", "meaning"),
    [
        ("127.0.0.1", ("BLOCKED",)),
        ("127.0.0.72", ("PHISH", "ABUSE")),
        ("127.0.0.128", ("CRACKED",)),
        ("127.0.0.2", ()),
        ("127.0.1.0", ("WIDE",)),
        ("127.0.0.6", ("BOTH",)),
        ("::1", ()),
    ],
)
def test_return_bits_are_those_of_the_whole_address(address: str, meaning: tuple[str, ...]) -> None:
    bits = {"BLOCKED": [1], "PHISH": [8], "ABUSE": [64], "CRACKED": [128], "WIDE": [256]}
    bits["BOTH"] = [6]
    assert read_bits(bits).meaning(address) == meaning


@pytest.mark.parametrize(
    ("matcher", "text"),
    [("luapattern", "127.%"), ("radix", "127.0.0.0/99"), ("regexp", "/(/"), ("radix", "spam")],
)
def test_a_code_that_cannot_be_read_is_named_and_left_out(matcher: Matcher, text: str) -> None:
    complaints: list[str] = []
    found = read_codes({"BAD": [text], "GOOD": ["127.0.0.2"]}, matcher, complaints.append)
    assert [complaint.partition(": ")[0] for complaint in complaints] == ["BAD"]
    assert text in complaints[0]
    if matcher != "regexp":
        assert found.meaning("127.0.0.2") == ("GOOD",)


def test_the_memory_of_answers_is_bounded() -> None:
    found = codes({"A": ["127.%d+.%d+.%d+"]})
    for number in range(2 * MAX_REMEMBERED):
        assert found.meaning(f"127.0.{number // 256}.{number % 256}") == ("A",)
    assert len(found._known) == MAX_REMEMBERED
