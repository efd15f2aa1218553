# SPDX-License-Identifier: Apache-2.0
"""Rspamd's list of headers to sign means what it means there."""

import pytest

from gatepost.authn import DEFAULT_SIGN_HEADERS, Letter, SignHeaders, SigningError
from gatepost.authn.dkim_header_list import ARC_HEADERS

HEADER = b"From: a\r\nTo: b\r\nReceived: 1\r\nReceived: 2\r\n"


@pytest.mark.parametrize(
    "text, names",
    [
        ("from", ["from"]),
        ("From:To", ["From", "To"]),
        ("from:subject:to", ["from", "to"]),
        ("(o)from:(o)subject", ["from", "from", "subject"]),
        ("(x)from:(x)subject", ["from", "from"]),
        ("(O)from:(X)To", ["from", "from", "To", "To"]),
        ("from:received", ["from", "received"]),
        ("from:received:received:received", ["from", "received", "received", "received"]),
        ("from:(x)received", ["from", "received", "received", "received"]),
        (" from : to ", ["from", "to"]),
    ],
)
def test_names_that_are_signed(text, names):
    assert SignHeaders.parse(text).names_for(Letter(HEADER, b"")) == names


def test_from_is_signed_even_where_there_is_none():
    assert SignHeaders.parse("from:to").names_for(Letter(b"To: b\r\n", b"")) == ["from", "to"]


def test_the_default_is_rspamds():
    names = DEFAULT_SIGN_HEADERS.names_for(Letter(HEADER, b""))
    assert names == ["from", "from", "reply-to", "subject", "to", "to", "cc"]
    assert len(SignHeaders.parse(ARC_HEADERS).entries) == len(DEFAULT_SIGN_HEADERS.entries) + 1


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "expected a header name"),
        ("to:subject", "from is not in the list"),
        ("from:", "expected a header name"),
        ("from:two words", "expected a header name"),
        ("from:a;b", "expected a header name"),
        ("from:(y)to", "expected a header name"),
        ("from:größe", "expected a header name"),
        ("from:" * 1001 + "to", "at most 1000"),
    ],
)
def test_a_list_that_is_none_is_refused(text, why):
    with pytest.raises(SigningError, match=why):
        SignHeaders.parse(text)
