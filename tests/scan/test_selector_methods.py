# SPDX-License-Identifier: Apache-2.0
"""Fields and methods of addresses, URLs, hops and the rest, by Rspamd's names."""

import pytest

from gatepost.scan.errors import ExpressionError
from gatepost.scan.selector_methods import METHODS, substring
from gatepost.scan.selectors import parse_selector
from selector_tasks import evaluate, make_task


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("from:addr", "Anna@Example.ORG"),
        ("from:user", "Anna"),
        ("from:domain", "example.org"),
        ("from('mime'):name", "Jürgen"),
        ("from('mime').name", "Jürgen"),
        ("from('mime'):flags", ["valid"]),
        ("rcpts.addr", ["bob@example.org", "carol@sub.example.com"]),
        ("rcpts:domain", ["example.org", "sub.example.com"]),
        ("ip:to_string", "192.0.2.77"),
        ("ip:get_version", "4"),
        ("ip:str_octets", ["192", "0", "2", "77"]),
        ("ip:inversed_str_octets.join('.')", "77.2.0.192"),
        ("ip:apply_mask(16)", "192.0.0.0"),
        ("ip:apply_mask(99)", "192.0.2.77"),
        ("user:lower", "anna"),
        ("user:upper:reverse", "ANNA"),
        ("user:len", "4"),
        ("user:sub(2, 3)", "nn"),
        ("urls:get_host", ["www.shop.example.co.uk", "www.example.com"]),
        ("urls.first:get_tld", "example.co.uk"),
        ("urls.first:get_user", "user"),
        ("urls.first:get_port", "8443"),
        ("urls.first:get_protocol", "https"),
        ("urls.first:get_path", "a/b"),
        ("urls.first:get_query", "c=d"),
        ("urls.first:get_fragment", "e"),
        ("urls.first:get_phished", "https://bank.example/"),
        ("urls.first:is_phished", "true"),
        ("urls.first:get_count", "1"),
        ("urls:get_visible", ["https://bank.example/", "this"]),
        ("urls.last:get_query", None),
        ("header('X-Mark', 'full'):name", ["X-Mark", "x-mark"]),
        ("header('X-Mark', 'full'):decoded.last", "two"),
        ("header('Subject', 'full'):value", ["=?utf-8?q?Gr=C3=BC=C3=9Fe?= an Alle"]),
        ("header('X-Mark', 'full'):raw.first", "X-Mark: one"),
        ("header('X-Mark', 'full'):separator", [" ", " "]),
        ("received:real_ip", ["192.0.2.7", "10.1.2.3"]),
        ("received:by_hostname", ["mx.example.org", "mail.example.net"]),
        ("received.first:for", "bob@example.org"),
        ("received.first:flags", ["authenticated", "esmtpsa", "ssl"]),
        ("received.last:proto", "esmtp"),
        ("words('full'):norm.first", "go"),
        ("symbol(BAD_URL):score", "3.5"),
        ("symbol(BAD_URL):options", ["shop.example", "two"]),
        ("symbol(BAD_URL):group", "urls"),
        ("scan_result:score", "2.5"),
        ("scan_result:negative_score", "-1"),
        ("scan_result:required_score", "15"),
    ],
)
def test_methods(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("ip", "bits", "net"), [("2001:db8::1", 32, "2001:db8::"), ("::1", 0, "::")]
)
def test_masks_of_ipv6(ip, bits, net):
    assert evaluate(f"ip:apply_mask({bits})", make_task(IP=ip)) == net


def test_nibbles_of_ipv6():
    octets = evaluate("ip:str_octets.take_n(8).join", make_task(IP="2001:db8::1"))
    assert octets == "20010db8"


@pytest.mark.parametrize(
    ("start", "end", "piece"),
    [
        (1, -1, "hello"),
        (2, 3, "el"),
        (-3, -1, "llo"),
        (-3, -2, "ll"),
        (0, 2, "he"),
        (-99, 2, "he"),
        (4, 99, "lo"),
        (4, 2, ""),
        (1, 0, ""),
        (99, 100, ""),
        (1, -99, ""),
    ],
)
def test_substrings_are_luas(start, end, piece):
    assert substring("hello", start, end) == piece


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from:adr", "did you mean `addr`?"),
        ("urls:addr", "expected a method of a url"),
        ("user:get_tld", "expected `.get_tld` (it is a transform)"),
        ("rcpts:first", "expected `.first` (it is a transform) at character 6"),
        ("from:addr(x)", "expected no arguments"),
        ("urls.apply_methods(get_tld):x", "expected a method of a row (nothing)"),
    ],
)
def test_an_unknown_method_is_a_mistake(text, message):
    with pytest.raises(ExpressionError) as error:
        parse_selector(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("kind", "selector"),
    [
        *(("address", s) for s in ("from", "from('mime')", "rcpts")),
        *(("url", s) for s in ("urls", "emails")),
        *(("header", s) for s in ("header('Subject', 'full')", "header('X-Mark', 'full')")),
        ("hop", "received"),
        ("ip", "ip"),
        ("result", "scan_result"),
        ("string", "user"),
        ("symbol", "symbol(BAD_URL)"),
        ("word", "words('full')"),
    ],
)
def test_every_method_of_a_kind_can_be_called(kind, selector):
    for name, method in METHODS[kind].items():
        call = f"{name}(1)" if method.build is not None else name
        assert isinstance(evaluate(f"{selector}:{call}"), str | list | None)
