# SPDX-License-Identifier: Apache-2.0
"""What does a DKIM-Signature field claim? RFC 6376 3.5, checked as 6.1.1 asks, without any DNS."""

import base64
import binascii
import re
from typing import cast

import msgspec

from gatepost.authn.dkim_canonical import Canonical, canonical_field
from gatepost.authn.outcomes import Reason
from gatepost.authn.tag_list import (
    Tag,
    TagListError,
    parse_tag_list,
    split_colons,
    without_blanks,
)
from gatepost.net import find_query_name

MAX_FIELD = 64 * 1024
"""Bytes in one DKIM-Signature field."""

MAX_HEADERS = 1000
"""Names in ``h=``, as rspamd."""

ALGORITHMS = {
    "rsa-sha256": ("rsa", "sha256"),
    "ed25519-sha256": ("ed25519", "sha256"),
    "rsa-sha1": ("rsa", "sha1"),
}
REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")
NUMBER = re.compile(rb"[0-9]{1,76}")
QUOTED = re.compile(rb"=([0-9A-F]{2})")
HEADER_NAME = re.compile(r"[!-9;-~]+")


class DkimSignature(msgspec.Struct, frozen=True):
    """One signature as it is written. Names of domains are A-labels in lower case.

    ``identity`` is the AUID (``i=``, or ``@`` + domain), ``length`` is ``l=``, times are seconds
    since the epoch. ``unsigned`` is the whole field without the value of its ``b=``.
    """

    domain: str
    selector: str
    identity: str
    algorithm: str
    header: Canonical
    body: Canonical
    headers: tuple[str, ...]
    body_hash: bytes
    signature: bytes
    unsigned: bytes
    length: int | None = None
    timestamp: int | None = None
    expires: int | None = None

    @property
    def kind(self) -> str:
        """The kind of key that it needs."""
        return ALGORITHMS[self.algorithm][0]

    @property
    def hash_name(self) -> str:
        return ALGORITHMS[self.algorithm][1]

    @property
    def key_name(self) -> str:
        """Where its key is published (RFC 6376 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def identity_domain(self) -> str:
        return self.identity.rpartition("@")[2]

    def signed_field(self) -> bytes:
        """The signature's own field as it is signed: canonicalised, ``b=`` empty, no CRLF at its
        end (RFC 6376 3.7)."""
        return canonical_field(self.unsigned, self.header).removesuffix(b"\r\n")


class BadSignature(msgspec.Struct, frozen=True):
    """A field that is no signature, and why. The names are what could be read of them."""

    reason: Reason
    detail: str = ""
    domain: str = ""
    selector: str = ""


class Refusal(Exception):
    """The reason and its detail. Caught by whoever reads a field; leaves no file of this room."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail


def parse_signature(field: bytes) -> DkimSignature | BadSignature:
    """Reads a whole DKIM-Signature field, name included, lines ended by CRLF."""
    try:
        tags, unsigned = split_field(field)
    except Refusal as refusal:
        return BadSignature(refusal.reason, refusal.detail)
    try:
        # RFC 6376 6.1.1: the version is looked at first, then what is missing.
        if "v" in tags and tags["v"].value != b"1":
            raise Refusal(Reason.VERSION, read_text(tags, "v"))
        return read_signature(tags, unsigned)
    except Refusal as refusal:
        return BadSignature(
            refusal.reason, refusal.detail, read_text(tags, "d"), read_text(tags, "s")
        )


def split_field(field: bytes) -> tuple[dict[str, Tag], bytes]:
    """The tags of a whole field, and the field without the value of ``b=``. May refuse."""
    if len(field) > MAX_FIELD:
        raise Refusal(Reason.SIGNATURE_SYNTAX, f"a field of {len(field)} bytes")
    start = field.find(b":") + 1
    try:
        tags = parse_tag_list(field[start:])
    except TagListError as error:
        raise Refusal(Reason.SIGNATURE_SYNTAX, str(error)) from None
    return tags, without_value(field, start, tags.get("b"))


def without_value(field: bytes, start: int, b: Tag | None) -> bytes:
    """The field with ``b=`` emptied, blanks around its value included (RFC 6376 3.5)."""
    if b is None:
        return field
    value_end = start + b.end
    if value_end >= len(field):  # the CRLF that ends the field belongs to no tag
        return field[: start + b.start] + b"\r\n"
    return field[: start + b.start] + field[value_end:]


def read_signature(
    tags: dict[str, Tag],
    unsigned: bytes,
    required: tuple[str, ...] = REQUIRED,
    *,
    has_identity: bool = True,
) -> DkimSignature:
    """All but the version. ``has_identity``: ``i=`` is the AUID (in ARC it is a number)."""
    algorithm = read_algorithm(tags, required)
    if "q" in tags and "dns/txt" not in [m.lower() for m in split_colons(tags["q"].value)]:
        raise Refusal(Reason.QUERY_METHOD, read_text(tags, "q"))
    header, body = read_canonical(tags)
    domain, selector = read_place(tags)
    timestamp, expires = read_number(tags, "t"), read_number(tags, "x")
    if timestamp is not None and expires is not None and expires <= timestamp:
        raise Refusal(Reason.SIGNATURE_SYNTAX, "x= is not after t=")
    return DkimSignature(
        domain=domain,
        selector=selector,
        identity=read_identity(tags, domain) if has_identity else f"@{domain}",
        algorithm=algorithm,
        header=header,
        body=body,
        headers=read_headers(tags),
        body_hash=read_base64(tags, "bh"),
        signature=read_base64(tags, "b"),
        unsigned=unsigned,
        length=read_number(tags, "l"),
        timestamp=timestamp,
        expires=expires,
    )


def read_algorithm(tags: dict[str, Tag], required: tuple[str, ...]) -> str:
    """``a=``, once all that is required is there."""
    missing = [name for name in required if name not in tags]
    if missing:
        raise Refusal(Reason.TAG_MISSING, ", ".join(f"{name}=" for name in missing))
    algorithm = read_text(tags, "a").lower()
    if algorithm not in ALGORITHMS:
        raise Refusal(Reason.ALGORITHM, algorithm)
    return algorithm


def read_text(tags: dict[str, Tag], name: str) -> str:
    """The value for people, cut to a length that fits a log line."""
    return tags[name].value[:255].decode("utf-8", "replace") if name in tags else ""


def read_canonical(tags: dict[str, Tag]) -> tuple[Canonical, Canonical]:
    """RFC 6376 3.5: simple/simple without ``c=``; a single word speaks of the header."""
    if "c" not in tags:
        return "simple", "simple"
    header, slash, body = read_text(tags, "c").lower().partition("/")
    header, body = header.strip(), body.strip() if slash else "simple"
    if header not in ("simple", "relaxed") or body not in ("simple", "relaxed"):
        raise Refusal(Reason.CANONICALIZATION, read_text(tags, "c"))
    return cast(Canonical, header), cast(Canonical, body)


def read_place(tags: dict[str, Tag]) -> tuple[str, str]:
    selector = find_query_name(read_text(tags, "s"))
    domain = find_query_name(read_text(tags, "d"))
    if not domain or not selector or find_query_name(f"{selector}._domainkey.{domain}") is None:
        raise Refusal(Reason.SIGNATURE_SYNTAX, "d= or s= is no name that can be asked for")
    return domain, selector


def read_identity(tags: dict[str, Tag], domain: str) -> str:
    """RFC 6376 6.1.1: the identity's domain is ``d=`` or below it."""
    if "i" not in tags:
        return f"@{domain}"
    # RFC 6376 2.11: blanks in a quoted-printable value mean nothing.
    value = without_blanks(tags["i"].value[:1000])
    local, at, place = value.rpartition(b"@")
    name = find_query_name(place.decode("utf-8", "replace"))
    if not at or name is None or not (name == domain or name.endswith(f".{domain}")):
        raise Refusal(Reason.DOMAIN_MISMATCH, f"i={read_text(tags, 'i')}")
    plain = QUOTED.sub(lambda match: bytes.fromhex(match[1].decode("ascii")), local)
    return f"{plain.decode('utf-8', 'replace')}@{name}"


def read_headers(tags: dict[str, Tag]) -> tuple[str, ...]:
    """The names of ``h=`` in lower case."""
    names = tuple(name.lower() for name in split_colons(tags["h"].value))
    if len(names) > MAX_HEADERS:
        raise Refusal(Reason.SIGNATURE_SYNTAX, f"{len(names)} names in h=")
    if "from" not in names:
        raise Refusal(Reason.FROM_UNSIGNED)
    for name in names:
        if HEADER_NAME.fullmatch(name) is None:
            raise Refusal(Reason.SIGNATURE_SYNTAX, f"h= has {name[:80]!r}")
    return names


def read_base64(tags: dict[str, Tag], name: str) -> bytes:
    try:
        data = base64.b64decode(without_blanks(tags[name].value), validate=True)
    except binascii.Error:
        data = b""
    if not data:
        raise Refusal(Reason.SIGNATURE_SYNTAX, f"{name}= is not base64")
    return data


def read_number(tags: dict[str, Tag], name: str) -> int | None:
    if name not in tags:
        return None
    value = tags[name].value
    if NUMBER.fullmatch(value) is None:
        raise Refusal(Reason.SIGNATURE_SYNTAX, f"{name}={read_text(tags, name)[:80]}")
    return int(value)
