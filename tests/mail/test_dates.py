# SPDX-License-Identifier: Apache-2.0
"""Dates of headers become seconds since the epoch."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.dates import parse_date


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("Tue, 1 Jul 2025 10:00:00 +0200", 1751356800.0),
        ("1 Jul 2025 08:00 GMT", 1751356800.0),
        ("Tue,  1 July 2025 08:00:00 +00:00 (UTC)", 1751356800.0),
        ("Tue, 01 Jul 2025 01:00:00 PDT", 1751356800.0),
        ("Tuesday, 01-Jul-25 08:00:00 GMT", 1751356800.0),
        ("1 Jul 99 08:00:00 +0000", 930816000.0),
        ("Tue, 1 Jul 2025 08:00:60 -0000", 1751356859.0),
        ("Tue, 32 Jul 2025 08:00:00 +0000", None),
        ("Tue, 1 Foo 2025 08:00:00 +0000", None),
        ("Tue, 1 Jul 2025 25:00:00 +0000", None),
        ("Tue, 1 Jul 0000 08:00:00 +9900", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_date_is_read(text: str, seconds: float | None) -> None:
    assert parse_date(text) == seconds


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"\w{0,3},? \d{1,2} (Jan|Feb|x) \d{1,4} \d\d:\d\d(:\d\d)? ?[+-]?\w{0,5}"))
def test_any_text_is_a_date_or_none(text: str) -> None:
    parse_date(text)
