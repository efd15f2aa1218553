# SPDX-License-Identifier: Apache-2.0
"""The table of colours is that of CSS Color 4, section 6.1."""

from __future__ import annotations

import pytest

from gatepost.mail.html_colors import COLOR_NAMES


@pytest.mark.parametrize(
    "name, value",
    [
        ("black", 0x000000),
        ("white", 0xFFFFFF),
        ("red", 0xFF0000),
        ("lime", 0x00FF00),
        ("navy", 0x000080),
        ("rebeccapurple", 0x663399),
        ("lightgoldenrodyellow", 0xFAFAD2),
        ("darkslategrey", 0x2F4F4F),
        ("papayawhip", 0xFFEFD5),
    ],
)
def test_names(name: str, value: int) -> None:
    assert COLOR_NAMES[name] == value


def test_all_names_of_css_and_no_others() -> None:
    assert len(COLOR_NAMES) == 148
    assert all(name.isalpha() and name.islower() for name in COLOR_NAMES)
    assert all(0 <= value <= 0xFFFFFF for value in COLOR_NAMES.values())


def test_grey_is_gray() -> None:
    greys = [name for name in COLOR_NAMES if "grey" in name]
    assert len(greys) == 7
    assert all(COLOR_NAMES[name] == COLOR_NAMES[name.replace("grey", "gray")] for name in greys)
