# SPDX-License-Identifier: Apache-2.0
"""Text parts show what a reader sees."""

from __future__ import annotations

import pytest

from gatepost.mail import Message
from gatepost.mail.text import TextPart


def text_part(body: str, header: str = "Content-Type: text/plain; charset=utf-8") -> TextPart:
    return Message(f"{header}\n\n{body}".encode()).text_parts[0]


@pytest.mark.parametrize(
    "body, stripped",
    [
        ("one\r\n\r\ntwo\nthree", "one two three"),
        ("see <http://example.org/\na/b> or\n<c>", "see <http://example.org/a/b> or <c>"),
        ("a\u200bb\u00adc\ufeff\u200c\u200dd", "abcd"),
        ("1 < 2\n3 > 2", "1 < 23 > 2"),
        ("one line", "one line"),
    ],
)
def test_stripped_text_is_one_line(body: str, stripped: str) -> None:
    assert text_part(body).stripped == stripped


@pytest.mark.parametrize("body, found", [("a\u200bb", True), ("aäb", False), ("ab", False)])
def test_zero_width_characters_are_noticed(body: str, found: bool) -> None:
    message = Message(f"Content-Type: text/plain; charset=utf-8\n\n{body}".encode())
    assert message.text_parts[0].has_zero_width is found
    assert ("BAD_UNICODE" in message.flags) is found


def test_statistics_count_characters_and_lines() -> None:
    found = text_part("Ab  ÄÖ 12\n\n \nCd\n").statistics
    assert found.spaces == 8
    assert found.double_spaces == 1
    assert found.non_spaces == 8
    assert (found.ascii, found.non_ascii) == (14, 2)
    assert (found.capitals, found.digits) == (4, 2)
    assert (found.lines, found.empty_lines) == (4, 2)


def test_capitals_and_digits_of_one_line_are_not_counted() -> None:
    found = text_part("ABC 123").statistics
    assert (found.capitals, found.digits, found.lines) == (0, 0, 0)


def test_html_shows_its_visible_text() -> None:
    found = text_part("<p>Hello <b>you</b></p>", "Content-Type: text/html")
    assert found.is_html and found.html is not None
    assert "Hello" in found.text and "<b>" not in found.text
    assert "<b>" in found.source


def test_charset_is_that_of_the_bytes() -> None:
    raw = b"Content-Type: text/plain; charset=utf-8\n\n" + "Привет, как дела? ".encode("cp1251") * 9
    found = Message(raw).text_parts[0]
    assert found.charset == "cp1251" and found.text.startswith("Привет") and not found.is_raw


def test_binary_in_a_text_part_is_raw() -> None:
    raw = b"Content-Type: text/plain\n\n" + bytes(range(1, 32)) * 9 + b"\xff\xfe\xfd"
    found = Message(raw).text_parts[0]
    assert found.is_raw and found.charset == "" and len(found.text) == 31 * 9 + 3


ALTERNATIVE = b"""Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/alternative; boundary=a

--a

plain
--a
Content-Type: multipart/related; boundary=r

--r
Content-Type: text/html

<p>html</p>
--r--
--a--
--m
Content-Type: text/html

<p>other</p>
--m--
"""


def test_text_and_html_of_one_alternative_find_each_other() -> None:
    plain, html, other = Message(ALTERNATIVE).text_parts
    assert plain.alternative is html.part
    assert html.alternative is plain.part
    assert other.alternative is None


def test_words_are_those_of_the_text() -> None:
    assert text_part("two words").words is not None


def test_a_million_angle_brackets_are_stripped() -> None:
    assert len(text_part("<a\n" * 300_000).stripped) > 0
