# SPDX-License-Identifier: Apache-2.0
"""What can a selector do with what it found? Texts here; ``selector_lists`` has what needs lists.

A transform of texts is applied to each thing of a list. What gives nothing is left out of a list,
and ends a single value. Source: content reference §5.4.
"""

from __future__ import annotations

import re
import string
import time
from collections.abc import Callable
from ipaddress import ip_address

from gatepost.mail import registrable_domain
from gatepost.scan.regexps import to_bytes
from gatepost.scan.selector_arguments import Arguments
from gatepost.scan.selector_digests import ENCODINGS, HASHES, encode, hash_of
from gatepost.scan.selector_lists import LISTS
from gatepost.scan.selector_methods import masked, substring
from gatepost.scan.selector_values import (
    MAX_TEXT,
    MAX_VALUES,
    Shape,
    Stage,
    Transform,
    Value,
    map_texts,
)

Convert = Callable[[str], str | list[str] | None]

LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
DEADLINE = 0.25
"""Seconds after which a regular expression looks at no further element of a list."""
MAX_HOST = 255  # octets of a domain name (RFC 1035 2.3.4); a longer text has no eSLD
NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def each(build: Callable[[Arguments], Convert]) -> Callable[[Arguments, Shape], Stage]:
    """A transform of texts."""

    def build_stage(arguments: Arguments, shape: Shape) -> Stage:
        return Stage(map_texts(build(arguments), shape.kind), Shape("string", shape.many))

    return build_stage


def lower(text: str) -> str:
    """ASCII letters only: Lua knows no others, and shared keys must agree."""
    return text.lower() if text.isascii() else text.translate(LOWER)


def domain_of(text: str) -> str:
    return registrable_domain(text) if len(text) <= MAX_HOST else text


def build_to_ascii(arguments: Arguments) -> Convert:
    stand_in = arguments.text(0, "?")
    if len(stand_in) > 16:
        raise arguments.error("at most 16 characters", stand_in)

    def for_bytes(found: re.Match[str]) -> str:
        return stand_in * len(found.group().encode("utf-8", "replace"))

    return lambda text: text if text.isascii() else NOT_ASCII.sub(for_bytes, text)


def build_substring(arguments: Arguments) -> Convert:
    start, end = arguments.number(0, 1), arguments.number(1, -1)
    return lambda text: substring(text, start, end)


def build_prepend(arguments: Arguments) -> Convert:
    prefix = "".join(arguments.texts())
    return lambda text: prefix + text


def build_append(arguments: Arguments) -> Convert:
    suffix = "".join(arguments.texts())
    return lambda text: text + suffix


def build_regexp(arguments: Arguments, shape: Shape) -> Stage:
    """All matches; of each the whole match, then its groups."""
    pattern = arguments.regexp(0).compiled

    def find_all(text: str) -> list[str] | None:
        data = to_bytes(text[:MAX_TEXT])
        found: list[bytes] = []
        for match in pattern.find_all(data, MAX_VALUES):
            found.append(data[match.start : match.end])
            found.extend(group for group in match.groups if group is not None)
        return [piece.decode("utf-8", "surrogateescape") for piece in found] or None

    def apply(value: Value) -> Value:
        end = time.perf_counter() + DEADLINE

        def find_in_time(text: str) -> list[str] | None:
            return find_all(text) if time.perf_counter() < end else None

        return map_texts(find_in_time, shape.kind)(value)

    return Stage(apply, Shape("string", many=True))


def build_equal(arguments: Arguments) -> Convert:
    wanted = arguments.text(0)
    return lambda text: text if text == wanted else None


def build_in(arguments: Arguments) -> Convert:
    wanted = frozenset(arguments.texts())
    return lambda text: text if text in wanted else None


def build_not_in(arguments: Arguments) -> Convert:
    unwanted = frozenset(arguments.texts())
    return lambda text: None if text in unwanted else text


def build_filter_map(arguments: Arguments) -> Convert:
    listed = arguments.map(0)
    return lambda text: text if text in listed else None


def build_except_map(arguments: Arguments) -> Convert:
    listed = arguments.map(0)
    return lambda text: None if text in listed else text


def build_apply_map(arguments: Arguments) -> Convert:
    listed = arguments.map(0)
    return lambda text: listed.find(text)


def build_digest(arguments: Arguments) -> Convert:
    encoding = arguments.choice(0, ENCODINGS, "hex")
    algorithm = arguments.choice(1, HASHES, "blake2")
    return lambda text: encode(hash_of(to_bytes(text), algorithm), encoding)


def build_ipmask(arguments: Arguments) -> Convert:
    v4 = arguments.number(0, least=0)
    v6 = arguments.number(1, v4, least=0)

    def mask(text: str) -> str | None:
        try:
            address = ip_address(text.strip("[]"))
        except ValueError:
            return None
        return masked(address, v4 if address.version == 4 else v6)

    return mask


def build_id(arguments: Arguments, shape: Shape) -> Stage:
    texts = arguments.texts()
    constant: Value = texts if len(texts) > 1 else "".join(texts)
    return Stage(lambda value: constant, Shape("string", many=len(texts) > 1))


def build_inverse(arguments: Arguments, shape: Shape) -> Stage:
    """In Rspamd a missing value never gets here, so that there the transform gives nothing ever."""
    text = arguments.text(0, "true")
    return Stage(lambda value: None if value else text, Shape("string"), takes_nothing=True)


TRANSFORMS: dict[str, Transform] = {
    "lower": Transform("", "ASCII letters in lower case", each(lambda arguments: lower)),
    "lower_utf8": Transform("", "all letters in lower case", each(lambda arguments: str.lower)),
    "to_ascii": Transform(
        "[text]", "each byte that is not ASCII replaced, by `?`", each(build_to_ascii)
    ),
    "substring": Transform(
        "[first[, last]]", "a piece; both count from 1, or from the end", each(build_substring)
    ),
    "prepend": Transform("text, …", "the texts put before", each(build_prepend)),
    "append": Transform("text, …", "the texts put after", each(build_append)),
    "regexp": Transform("/re/", "all matches, each with its groups", build_regexp),
    "match": Transform("/re/", "the same as `regexp`", build_regexp),
    "equal": Transform("text", "kept if it is the text", each(build_equal)),
    "in": Transform("text, …", "kept if it is one of the texts", each(build_in)),
    "not_in": Transform("text, …", "kept if it is none of the texts", each(build_not_in)),
    "filter_map": Transform("map", "kept if the map has it", each(build_filter_map)),
    "except_map": Transform("map", "kept if the map has it not", each(build_except_map)),
    "apply_map": Transform("map", "the value that the map has for it", each(build_apply_map)),
    "digest": Transform("[encoding[, hash]]", "a digest of the text", each(build_digest)),
    "get_tld": Transform("", "the eSLD of a host name", each(lambda arguments: domain_of)),
    "ipmask": Transform("bits[, bits6]", "an address without its last bits", each(build_ipmask)),
    "id": Transform("[text, …]", "the texts instead of what was found", build_id),
    "inverse": Transform("[text]", "`true` or the text if nothing was found", build_inverse),
    **LISTS,
}
"""All transforms by name."""
