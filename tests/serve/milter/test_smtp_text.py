# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.serve.milter.smtp_text import one_line, reply_line


@pytest.mark.parametrize(
    "text, line",
    [
        ("Gtube pattern", "554 5.7.1 Gtube pattern"),
        ("", "554 5.7.1 Spam message rejected"),
        (" \r\n ", "554 5.7.1 Spam message rejected"),
        ("100% spam", "554 5.7.1 100%% spam"),
        ("a\r\nb\tc", "554 5.7.1 a b c"),
        ("evil\r\n250 OK", "554 5.7.1 evil 250 OK"),
        ("bell\a nul\0", "554 5.7.1 bell? nul?"),
        ("Grüße", "554 5.7.1 Gr??e"),
        ("550 5.7.1 No", "550 5.7.1 No"),
        ("550-5.7.1 No", "550 5.7.1 No"),
        ("5.7.26 No", "554 5.7.26 No"),
        ("550 5.7.1", "550 5.7.1 Spam message rejected"),
        ("450 4.7.1 Later", "554 5.7.1 Later"),
        ("550 4.7.1 Odd", "554 5.7.1 Odd"),
        ("500 letters a day", "554 5.7.1 500 letters a day"),
        ("5.7 percent", "554 5.7.1 5.7 percent"),
    ],
)
def test_refusal_for_good(text, line):
    assert reply_line("554", "5.7.1", text, "Spam message rejected") == line


@pytest.mark.parametrize(
    "text, line",
    [
        ("Rate limit", "451 4.7.1 Rate limit"),
        ("450 4.7.1 Rate limit", "450 4.7.1 Rate limit"),
        ("550 5.7.1 Rate limit", "451 4.7.1 Rate limit"),
    ],
)
def test_refusal_for_now(text, line):
    assert reply_line("451", "4.7.1", text, "Try again later") == line


@given(st.text(max_size=3000))
@settings(max_examples=200, deadline=None)
def test_whatever_the_text_the_client_sees_one_short_ascii_line(text):
    line = reply_line("554", "5.7.1", text, "no")
    seen = line.replace("%%", "")
    assert "%" not in seen
    assert len(line.replace("%%", "%")) <= 510
    assert seen.isascii() and seen.isprintable()
    assert re.match(r"5\d\d 5\.\d+\.\d+ \S", line)


def test_a_reason_is_one_line():
    assert one_line("a\nb%") == "a b%"
