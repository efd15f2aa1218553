# SPDX-License-Identifier: Apache-2.0
"""Whose domain is a host under?"""

from __future__ import annotations

import pytest

from gatepost.mail.public_suffix import has_public_suffix, registrable_domain


@pytest.mark.parametrize(
    "host, domain",
    [
        ("www.example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("WWW.Example.COM.", "example.com"),
        ("user.github.io", "user.github.io"),
        ("x.user.github.io", "user.github.io"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("host.invalid", "host.invalid"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("www.xn--fsqu00a.xn--0zwm56d", "www.xn--fsqu00a.xn--0zwm56d"),
        ("www.食狮.中国", "食狮.中国"),
        ("www.xn--85x722f.xn--fiqs8s", "xn--85x722f.xn--fiqs8s"),
        ("", ""),
        (".", "."),
        ("a..b.com", "a..b.com"),
        ("x" * 300 + ".com", "x" * 300 + ".com"),
        ("\ud800.com", "\ud800.com"),
    ],
)
def test_registrable_domain(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    "host, known",
    [
        ("example.com", True),
        ("com", True),
        ("a.invalid", False),
        ("10.0.0.1", False),
        ("例え.jp", True),
        ("", False),
    ],
)
def test_known_suffixes(host: str, known: bool) -> None:
    assert has_public_suffix(host) is known
