# SPDX-License-Identifier: Apache-2.0
"""Seals a letter that is passed on: a new ARC set (RFC 8617 5.1), tag for tag as Rspamd.

Source: direction-modules reference §7.
"""

import re
from typing import NamedTuple

from gatepost.authn.arc_set import FIELDS, MAX_SETS, SEAL, ArcReason, ChainStatus
from gatepost.authn.arc_verify import ArcVerdict
from gatepost.authn.dkim_canonical import relaxed_field
from gatepost.authn.dkim_header_list import ARC_HEADERS, SignHeaders
from gatepost.authn.dkim_key_record import KeyRecord
from gatepost.authn.dkim_keys import PrivateKey
from gatepost.authn.dkim_sign import FOLD, check_place, fold_pieces, fold_tags, sign_field
from gatepost.authn.dkim_verify import judge_by_key
from gatepost.authn.errors import SigningError
from gatepost.authn.letter import Letter

DEFAULT_ARC_HEADERS = SignHeaders.parse(ARC_HEADERS)
LINE_END = re.compile(r"[\r\n]+[ \t]*")


class NewArcSet(NamedTuple):
    """The values of the three fields, folded with CRLF and tab, without the last CRLF.

    They go on top of the letter so that the seal is first, then the message signature, then the
    results.
    """

    results: str
    message: str
    seal: str
    instance: int
    status: ChainStatus


def seal_arc(
    letter: Letter,
    key: PrivateKey,
    domain: str,
    selector: str,
    *,
    chain: ArcVerdict,
    results: str,
    now: float,
    status: ChainStatus | None = None,
    sign_headers: SignHeaders = DEFAULT_ARC_HEADERS,
) -> NewArcSet | None:
    """A new set for the letter, or ``None`` where none may be added: the chain has 50 sets or
    was found broken by an earlier sealer (RFC 8617 5.1, 5.2.1).

    ``chain`` is what :func:`~gatepost.authn.arc_verify.verify_arc` said of this letter,
    ``results`` an Authentication-Results value ("mx.example.org; spf=pass …"), ``now`` the time in
    seconds since the epoch. ``status`` replaces the status found, for who trusts another's check;
    the first set has ``none`` in any case. Raises :class:`SigningError` for a domain or selector
    that cannot be written, if ``sign_headers`` has ARC-Seal (RFC 8617 4.1.2), and if the letter's
    chain is another one than ``chain``.
    """
    domain, selector = check_place(domain, selector)
    if any(name.lower() == SEAL for name, _ in sign_headers.entries):
        raise SigningError("ARC-Seal is in the list of headers: it must not be (RFC 8617 4.1.2)")
    instance = chain.highest + 1
    if instance > MAX_SETS or chain.reason is ArcReason.ENDED:
        return None
    found = choose_status(chain, status)
    place = [f"d={domain}", f"s={selector}"]
    aar = f"i={instance}; " + LINE_END.sub(FOLD, results.strip())

    tags = [f"i={instance}", f"a={key.algorithm}", "c=relaxed/relaxed", *place, f"t={int(now)}"]
    names = sign_headers.names_for(letter)
    body_hash = letter.body_hash("relaxed", "sha256")
    ams = fold_tags(len("ARC-Message-Signature: "), tags, names, body_hash)
    text = letter.header_text(names, "relaxed")
    ams += sign_field("ARC-Message-Signature", ams, text, key)

    tags = [f"i={instance}", f"a={key.algorithm}", *place, f"cv={found}", f"t={int(now)}"]
    pieces = [f"{tag}; " for tag in tags]
    seal = fold_pieces(len("ARC-Seal: "), pieces) + FOLD + "b="
    # RFC 8617 5.1.2: the seal of a broken chain covers its own set alone.
    text = b"" if found == "fail" else text_of_sets(letter, chain)
    text += relaxed_field(f"ARC-Authentication-Results: {aar}\r\n".encode())
    text += relaxed_field(f"ARC-Message-Signature: {ams}\r\n".encode())
    seal += sign_field("ARC-Seal", seal, text, key)
    return NewArcSet(aar, ams, seal, instance, found)


def has_sealed(
    letter: Letter, key: PrivateKey, domain: str, selector: str, *, chain: ArcVerdict
) -> bool:
    """Whether the newest set is one that this key made for domain and selector, over the letter
    as it is now: it came back, from a content filter or a forwarder, and nobody sealed since."""
    newest = chain.newest
    if newest is None or newest.seal.domain != domain or newest.seal.selector != selector:
        return False
    if (newest.message.domain, newest.message.selector) != (domain, selector):
        return False
    record = KeyRecord(key=key.key.public_key(), kind=key.kind, bits=key.bits)
    verdict = judge_by_key(letter, newest.message, (record,))
    return verdict.passed and not verdict.unsigned_bytes


def choose_status(chain: ArcVerdict, wanted: ChainStatus | None) -> ChainStatus:
    if not chain.highest:
        return "none"
    if not chain.sets:  # no chain that a seal could cover
        return "fail"
    status = wanted or chain.status
    return "pass" if status == "none" else status


def text_of_sets(letter: Letter, chain: ArcVerdict) -> bytes:
    """The sets there are, in the order in which a seal covers them (RFC 8617 5.1.1).

    The letter may have other fields by now than when it was verified: those of the chain are
    then elsewhere, but in the same order.
    """
    columns = []
    for column, name in enumerate(FIELDS):
        places = letter.index.get(name, [])
        if len(places) != len(chain.sets):
            raise SigningError("the chain of this letter is not the one that was verified")
        before = sorted(one.places[column] for one in chain.sets)
        columns.append(dict(zip(before, places, strict=True)))
    return b"".join(
        [
            letter.field(column[at], "relaxed")
            for one in chain.sets
            for column, at in zip(columns, one.places, strict=True)
        ]
    )
