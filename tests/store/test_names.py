# SPDX-License-Identifier: Apache-2.0
"""Any text is a key, and any span of time one that Redis takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.store.names import LONGEST, to_bytes, to_milliseconds, to_moment, to_text


@given(st.binary(max_size=50))
def test_bytes_that_mail_brought_come_back_as_they_were(raw: bytes) -> None:
    assert to_bytes(raw.decode("utf-8", "surrogateescape")) == raw
    assert to_bytes(to_text(raw)) == raw


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_no_text_is_refused(text: str) -> None:
    name = to_bytes(text)
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert to_text(name) == text


@pytest.mark.parametrize(
    "seconds, milliseconds",
    [
        (1, 1000),
        (0.0004, 1),
        (1.0001, 1001),
        (0, 1),
        (-5, 1),
        (1e300, LONGEST),
        (float("inf"), LONGEST),
    ],
)
def test_a_span_is_rounded_up_and_bounded(seconds: float, milliseconds: int) -> None:
    assert to_milliseconds(seconds) == milliseconds


def test_no_span_is_no_number() -> None:
    with pytest.raises(ValueError):
        to_milliseconds(float("nan"))


def test_a_moment_is_cut_to_milliseconds() -> None:
    assert to_moment(1_700_000_000.1239) == 1_700_000_000_123
