# SPDX-License-Identifier: Apache-2.0
"""What macros expand to, and what is no macro."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn.spf_macros import (
    EXPLANATION_LETTERS,
    MAX_MACROS,
    fit_name,
    parse_domain_spec,
    parse_macro_string,
)

# The values of RFC 7208 7.4.
VALUES = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "v": "in-addr",
    "h": "mx.example.org",
    "p": "mx.example.org",
    "c": "192.0.2.3",
    "r": "mx.example.net",
    "t": "1790000000",
}


@pytest.mark.parametrize(
    "text, expansion",
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
    ],
)
def test_the_examples_of_the_rfc(text, expansion):
    assert parse_macro_string(text).expand(VALUES) == expansion


@pytest.mark.parametrize(
    "text, expansion",
    [
        ("", ""),
        ("no macro at all", "no macro at all"),
        ("100%%", "100%"),
        ("a%_b%-c", "a b%20c"),
        ("%{D2}", "example.com"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("%{s1-.}", "com"),
        ("%{o9999999999999999999999}", "email.example.com"),
        ("%{o002}", "example.com"),
        ("%{DR}", "com.example.email"),
        ("%{c} %{r} %{t}", "192.0.2.3 mx.example.net 1790000000"),
    ],
)
def test_letters_digits_and_delimiters(text, expansion):
    assert parse_macro_string(text, EXPLANATION_LETTERS).expand(VALUES) == expansion


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("%", "no macro"),
        ("a%b", "no macro"),
        ("%{d", "no macro"),
        ("%{}", "no macro"),
        ("%(d)", "no macro"),
        ("%{d r}", "no macro"),
        ("%{dr2}", "no macro"),
        ("%{s@}", "no macro"),  # no delimiter
        ("%{d0}", "0 parts"),
        ("%{d000}", "0 parts"),
        ("%{x}", "letter x"),
        ("%{c}", "letter c"),  # RFC 7208 7.2: explanations only
        ("%{R}", "letter R"),
        ("%{d}" * (MAX_MACROS + 1), "more than"),
    ],
)
def test_what_is_no_macro_string(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_macro_string(text)


@pytest.mark.parametrize(
    "text, literal",
    [
        ("example.org", "example.org"),
        ("example.org.", "example.org"),
        ("a/b:c.xn--p1ai", "a/b:c.xn--p1ai"),
        ("1.2.3.4a", "1.2.3.4a"),
        ("%{d}", None),
        ("x.%{i}", None),
        ("100%%", "100%"),
        ("a" * 200 + "." + "b" * 200 + ".example", "b" * 200 + ".example"),
    ],
)
def test_a_domain_spec(text, literal):
    assert parse_domain_spec(text).literal == literal


@pytest.mark.parametrize(
    "text",
    ["", "org", "org.", ".", "..", "example..", "192.0.2.1", "a.-b", "a.b-", "a.b_c", "%{d}org",
     "%{d}.", "%{d}.123", "a.b/24"],
)  # fmt: skip
def test_what_is_no_domain_spec(text):
    with pytest.raises(ValueError):
        parse_domain_spec(text)


@pytest.mark.parametrize(
    "name, fitting",
    [
        ("a.example.", "a.example"),
        ("a." * 126 + "bc", "a." * 125 + "bc"),
        ("a." * 126 + "b", "a." * 126 + "b"),
        ("a" * 300 + ".b", "b"),
        ("a" * 300, "a" * 300),
        ("." * 50_000, "." * 253),
    ],
)
def test_a_name_that_is_too_long_loses_labels_on_the_left(name, fitting):
    assert fit_name(name) == fitting


MACRO_TEXT = st.text(st.sampled_from("%{}dsiolvph0129rR.-+,/_=aZ"), max_size=60)


@settings(max_examples=200)
@given(MACRO_TEXT, st.text(max_size=40))
def test_anything_is_either_refused_or_expands(text, value):
    try:
        spec = parse_macro_string(text)
    except ValueError:
        return
    expansion = spec.expand(dict.fromkeys("slodiphv", value))
    assert len(expansion) <= 60 + 16 * 12 * len(value)
    assert len(fit_name(expansion)) <= 253 or "." not in expansion[-254:]
