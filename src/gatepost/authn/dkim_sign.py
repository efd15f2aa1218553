# SPDX-License-Identifier: Apache-2.0
"""Signs a letter: RFC 6376 5, with the algorithms of RFC 8301 and RFC 8463.

The signature is tag for tag what Rspamd makes (direction-modules reference §6).
"""

import base64
import re

import msgspec

from gatepost.authn.dkim_canonical import Canonical, canonical_field
from gatepost.authn.dkim_header_list import DEFAULT_SIGN_HEADERS, SignHeaders
from gatepost.authn.dkim_keys import PrivateKey
from gatepost.authn.errors import SigningError
from gatepost.authn.letter import Letter, digest
from gatepost.net import find_query_name

FOLD = "\r\n\t"
MAX_LINE = 78  # RFC 5322 2.1.1
BASE64_LINE = 70  # as rspamd

PLACE = re.compile(r"[a-z0-9_.-]+")

# RFC 6376 2.11: everything else in an identity is written =XX.
NOT_PLAIN = re.compile(rb"[^!-:<>-~]")


class SigningOptions(msgspec.Struct, frozen=True):
    """How to sign. ``expire``: seconds after which the signature is void (``x=``).

    ``body_length``: add ``l=``, so that text may be added below; almost never wise (RFC 6376 8.2).
    """

    sign_headers: SignHeaders = DEFAULT_SIGN_HEADERS
    header: Canonical = "relaxed"
    body: Canonical = "relaxed"
    expire: int | None = None
    body_length: bool = False


DEFAULT_OPTIONS = SigningOptions()


def sign_dkim(
    letter: Letter,
    key: PrivateKey,
    domain: str,
    selector: str,
    *,
    now: float | None,
    identity: str | None = None,
    options: SigningOptions = DEFAULT_OPTIONS,
) -> str:
    """The value of a new DKIM-Signature field, folded with CRLF and tab, without the last CRLF.

    Put it before the others as ``DKIM-Signature: `` + value. ``now``: seconds since the epoch, for
    ``t=`` and ``x=``; ``None`` leaves both out. ``identity``: the user or agent that the domain
    answers for (``i=``, "anna@sub.example.org").

    Raises :class:`SigningError` for a domain, selector or identity that cannot be written.
    """
    domain, selector = check_place(domain, selector)
    tags = [
        "v=1",
        f"a={key.algorithm}",
        f"c={options.header}/{options.body}",
        f"d={domain}",
        f"s={selector}",
    ]
    if identity is not None:
        tags.append(f"i={write_identity(identity, domain)}")
    if options.body_length:
        tags.append(f"l={len(letter.body(options.body))}")
    if now is not None:
        tags.append(f"t={int(now)}")
        if options.expire is not None:
            tags.append(f"x={int(now) + max(options.expire, 1)}")
    names = options.sign_headers.names_for(letter)
    body_hash = letter.body_hash(options.body, "sha256")
    unsigned = fold_tags(len("DKIM-Signature: "), tags, names, body_hash)
    text = letter.header_text(names, options.header)
    return unsigned + sign_field("DKIM-Signature", unsigned, text, key, options.header)


def sign_field(
    name: str, unsigned: str, text: bytes, key: PrivateKey, canonical: Canonical = "relaxed"
) -> str:
    """The base64 that belongs behind ``unsigned``, a field's value up to its ``b=``, folded.

    ``text`` is what is signed before the field itself (RFC 6376 3.7), canonicalised.
    """
    field = canonical_field(f"{name}: {unsigned}\r\n".encode(), canonical)
    return fold_base64(key.sign(digest("sha256", text + field.removesuffix(b"\r\n"))))


def check_place(domain: str, selector: str) -> tuple[str, str]:
    """Domain and selector as they are written (international names as A-labels, RFC 6376 3.5).

    Raises :class:`SigningError`.
    """
    selector_name, domain_name = find_query_name(selector), find_query_name(domain)
    place = f"{selector_name}._domainkey.{domain_name}"
    if (
        not selector_name
        or not domain_name
        or PLACE.fullmatch(place) is None
        or find_query_name(place) is None
    ):
        raise SigningError(f"no key can be published for domain {domain!r}, selector {selector!r}")
    # What is ASCII stays as the operator spells it.
    return (
        domain.removesuffix(".") if domain.isascii() else domain_name,
        selector if selector.isascii() else selector_name,
    )


def write_identity(identity: str, domain: str) -> str:
    """``i=``: its domain must be ``domain`` or below it (RFC 6376 3.5)."""
    local, at, place = identity.rpartition("@")
    name = find_query_name(place)
    wanted = domain.lower()
    if not at or name is None or not (name == wanted or name.endswith("." + wanted)):
        raise SigningError(f"identity {identity!r}: expected an address at or below {domain}")
    quoted = NOT_PLAIN.sub(lambda match: b"=%02X" % match[0][0], local.encode("utf-8", "replace"))
    return f"{quoted.decode('ascii')}@{name}"


def fold_tags(used: int, tags: list[str], names: list[str], body_hash: bytes) -> str:
    """All tags up to an empty ``b=``, folded between tags and between the names of ``h=``.

    ``used``: columns that the field's name takes on the first line.
    """
    pieces = [f"{tag}; " for tag in tags]
    pieces += [f"{'h=' if at == 0 else ''}{name}:" for at, name in enumerate(names)]
    pieces[-1] = pieces[-1][:-1] + "; "
    pieces.append(f"bh={base64.b64encode(body_hash).decode('ascii')};")
    return f"{fold_pieces(used, pieces)}{FOLD}b="


def fold_pieces(used: int, pieces: list[str]) -> str:
    """The pieces in lines of at most 78 columns, where no piece is longer itself."""
    lines: list[str] = []
    line = ""
    for piece in pieces:
        if line and used + len(line) + len(piece.rstrip()) > MAX_LINE:
            lines.append(line.rstrip())
            line, used = "", 8  # the tab
        line += piece
    lines.append(line.rstrip())
    return FOLD.join(lines)


def fold_base64(data: bytes) -> str:
    """Base64 in lines of 70 columns."""
    text = base64.b64encode(data).decode("ascii")
    return FOLD.join([text[at : at + BASE64_LINE] for at in range(0, len(text), BASE64_LINE)])
