# SPDX-License-Identifier: Apache-2.0
"""How many messages in which time a text or number is, and how the keys of such a bucket begin."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.ratelimit.limits import key_prefix, parse_burst, parse_rate


@pytest.mark.parametrize(
    "text, messages",
    [
        (100, 100),
        (0.5, 0.5),
        ("100", 100),
        (" 2.5k ", 2500),
        ("1kb", 1024),
        ("1m", 1_000_000),
        ("1mb", 1_048_576),
        ("1G", 1_000_000_000),
        (0, None),
        ("0", None),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        ("", None),
        ("ten", None),
        ("10 / 1m", None),
        (None, None),
    ],
)
def test_a_burst_is_messages(text: float | str | None, messages: float | None) -> None:
    assert parse_burst(text) == messages


@pytest.mark.parametrize(
    "text, a_second",
    [
        (0.25, 0.25),
        ("3", 3),
        ("10 / 1m", 10 / 60),
        ("10/1m", 10 / 60),
        ("10 / 1min", 10 / 60),  # what follows the unit is ignored
        ("10 / 60", 10 / 60),
        ("10 / 60s", 10 / 60),
        ("1k / 2.5h", 1000 / 9000),
        ("86400 / 1d", 1),
        ("1 / 1M", 1 / 60),
        (0, None),
        (-0.5, None),
        (float("inf"), None),
        ("10 / 0", None),
        ("10 /", None),
        ("10 / m", None),
        ("0 / 1m", None),
        ("/ 1m", None),
        ("much", None),
        (None, None),
    ],
)
def test_a_rate_is_messages_a_second(text: float | str | None, a_second: float | None) -> None:
    assert parse_rate(text) == (None if a_second is None else pytest.approx(a_second))


@given(st.text(max_size=40) | st.from_regex(r"[\d.]{1,400}[kmg]?b? ?/ ?[\d.]{1,400}[smhd]?"))
@settings(max_examples=150)
def test_no_text_is_a_limit_without_sense(text: str) -> None:
    for found in (parse_burst(text), parse_rate(text)):
        assert found is None or 0 < found < float("inf")


@pytest.mark.parametrize(
    "burst, taken, with_rate, prefix",
    [
        (10, (), False, "10000:"),
        (10, (), True, "10000:0.25:"),
        (10, ("10000:",), False, "10000:0.25:"),
        (66_667, (), False, "1:"),
        (200_001, (), False, "0:"),
    ],
)
def test_a_key_begins_with_the_burst_and_where_it_must_with_the_rate(
    burst: float, taken: tuple[str, ...], with_rate: bool, prefix: str
) -> None:
    assert key_prefix(burst, 0.25, taken, with_rate=with_rate) == prefix
