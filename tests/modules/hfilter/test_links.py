# SPDX-License-Identifier: Apache-2.0
"""How much of a letter is links, in HTML and in plain text."""

from __future__ import annotations

import pytest

from gatepost.mail import Message
from gatepost.modules.hfilter.links import find_link_share

URL = "https://example.org/abcdefghijk"  # 31 characters
HTML = "Content-Type: text/html\r\n\r\n"
PLAIN = "Content-Type: text/plain\r\n\r\n"


def two_parts(plain: str, html: str) -> str:
    return (
        'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
        f"--b\r\n{PLAIN}{plain}\r\n--b\r\n{HTML}{html}\r\n--b--\r\n"
    )


@pytest.mark.parametrize(
    "letter, kind, share, lines",
    [
        (PLAIN + URL, "plain", 1.0, 0),
        (PLAIN + f"{URL}\r\n", "plain", 31 / 33, 0),
        (PLAIN + f"{URL}\r\n\r\n", "plain", 31 / 35, 0),
        (PLAIN + f"{URL}\r\n{URL}\r\n", "plain", 62 / 66, 1),
        (PLAIN + f"\r\n\r\n{URL}", "plain", 31 / 35, 1),
        (PLAIN + f"{URL}\n\n{URL}\n{URL}", "plain", 93 / 96, 2),
        (PLAIN + "www.example.org/abc", "plain", 1.0, 0),  # no scheme was written
        (PLAIN + "x" * 31 + " " + URL, "plain", 31 / 63, 0),
        (HTML + f'<a href="{URL}">{URL}</a>', "html", 1.0, 0),
        (HTML + f'<a href="{URL}">{URL} and so on</a>', "html", 1.0, 0),
        (HTML + f'<a href="{URL}">{URL}</a> there', "html", 31 / 37, 0),
        (HTML + f'<a href="{URL}">{URL}</a><br>' * 5, "html", 155 / 159, 4),
        (HTML + f'<p>one<p><a href="{URL}">{URL}</a>', "html", 31 / 35, 1),
        (HTML + f"<p>one<p>{URL}", "html", 31 / 35, 1),  # no link, but a URL
        (two_parts("words", f'<a href="{URL}">{URL}</a> there'), "html", 31 / 37, 0),
    ],
)
def test_share_of_links(letter: str, kind: str, share: float, lines: int) -> None:
    found = find_link_share(Message(letter.encode()))
    assert found is not None
    assert (found.kind, found.lines) == (kind, lines)
    assert found.share == pytest.approx(share)


@pytest.mark.parametrize(
    "letter",
    [
        PLAIN + "no link at all",
        PLAIN,
        HTML + "no link",
        HTML + f'<a href="{URL}"></a>',  # shows nothing
        HTML + f'<a href="{URL}">click here</a>',  # shows no URL
        two_parts(URL, "no link"),  # HTML counts
        "Content-Type: image/png\r\n\r\nx",
    ],
)
def test_letters_without_links(letter: str) -> None:
    assert find_link_share(Message(letter.encode())) is None
