# SPDX-License-Identifier: Apache-2.0
"""URLs of a letter are listed once, HTML's first, the subject's last."""

from __future__ import annotations

from gatepost.mail import Message

LETTER = b"""Subject: http://subject.example.org/
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain

http://both.example.org/ and http://text.example.org/
--b
Content-Type: text/html

<a href="http://html.example.org/">x</a> <a href="http://both.example.org/">y</a>
<a href="mailto:ann@example.org">mail</a>
--b--
"""


def test_order_is_html_text_subject() -> None:
    hosts = [url.host for url in Message(LETTER).urls]
    assert hosts == [
        "html.example.org",
        "both.example.org",
        "text.example.org",
        "subject.example.org",
    ]


def test_mail_addresses_are_kept_apart() -> None:
    assert list(Message(LETTER).emails) == ["ann@example.org"]


def test_a_link_that_shows_another_address_is_phished() -> None:
    html = (
        b'Content-Type: text/html\n\n<a href="http://a.example.org/">https://bank.example.com/</a>'
    )
    shown = [(url.host, sorted(url.flags)) for url in Message(html).urls]
    assert shown[0] == ("a.example.org", ["display_url", "phished"])
    assert [host for host, _ in shown] == ["a.example.org", "bank.example.com"]
