# SPDX-License-Identifier: Apache-2.0
"""Are unquoted words read as Rspamd reads them?"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.ucl.scalars import parse_word


@pytest.mark.parametrize(
    "word, value",
    [
        ("1", 1),
        ("-15", -15),
        ("007", 7),
        ("1.5", 1.5),
        ("-1.5", -1.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ("0x1F", 31),
        ("-0x10", -16),
        ("10k", 10_000),
        ("10K", 10_000),
        ("10m", 10_000_000),
        ("2g", 2_000_000_000),
        ("1.5k", 1500.0),
        ("10kb", 10_240),
        ("10Mb", 10_485_760),
        ("1GB", 1_073_741_824),
        ("1.5kb", 1024),
        ("-1.5kb", -1024),
        ("10ms", 0.01),
        ("5s", 5.0),
        ("10min", 600.0),
        ("2h", 7200.0),
        ("1.5h", 5400.0),
        ("1d", 86_400.0),
        ("1W", 604_800.0),
        ("1y", 31_536_000.0),
        ("9223372036854775807", 2**63 - 1),
        ("true", True),
        ("Yes", True),
        ("oN", True),
        ("FALSE", False),
        ("no", False),
        ("Off", False),
        ("null", None),
        ("inf", math.inf),
        ("-inf", -math.inf),
    ],
)
def test_words_with_a_meaning(word, value):
    found = parse_word(word)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "word",
    [
        *("10xyz", "1.2.3", "1.2.3.4", "10.0.0.0/8", ".5", "+5", "-", "--", "0x", "1e", "1e+"),
        *("10mins", "10kbs", "10sec", "0x10s", "Null", "NaN", "nope", "onn", "truee", "²", "١"),
        *("2024-01-01", "1_000"),
    ],
)
def test_anything_left_over_makes_it_a_string(word):
    assert parse_word(word) == word


def test_nan():
    assert math.isnan(parse_word("nan"))


@pytest.mark.parametrize("word", ["10ms", "5s", "10min", "2h", "1d", "1w", "1y"])
def test_text_from_the_network_has_no_times(word):
    assert parse_word(word, times=False) == word


@pytest.mark.parametrize("word", ["10k", "10kb", "10"])
def test_text_from_the_network_has_sizes(word):
    assert parse_word(word, times=False) == parse_word(word)


@pytest.mark.parametrize("word", ["9223372036854775808", "1e999", "0x10000000000000000", "9" * 40])
def test_numbers_out_of_range_are_an_error(word):
    with pytest.raises(OverflowError):
        parse_word(word)


def test_very_long_digits_are_a_string():
    assert parse_word("1" * 5000) == "1" * 5000


@given(st.text(alphabet="0123456789.-+eExXkKmMgGbBsinhdwy", min_size=1, max_size=20))
def test_any_word_is_read_or_refused(word):
    try:
        assert isinstance(parse_word(word), str | int | float)
    except OverflowError:
        pass
