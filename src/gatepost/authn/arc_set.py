# SPDX-License-Identifier: Apache-2.0
"""Which ARC sets does a letter carry, and do they form a chain? RFC 8617 4 and 5.2, without DNS."""

import re
from enum import StrEnum
from typing import Literal, cast

import msgspec

from gatepost.authn.authres import INSTANCE
from gatepost.authn.dkim_signature import (
    ALGORITHMS,
    DkimSignature,
    Refusal,
    read_algorithm,
    read_base64,
    read_number,
    read_place,
    read_signature,
    read_text,
    split_field,
)
from gatepost.authn.letter import Letter
from gatepost.authn.outcomes import Reason
from gatepost.authn.tag_list import Tag

ChainStatus = Literal["none", "pass", "fail"]
"""RFC 8617 4.4: the ``cv=`` of a seal, and what a validator finds."""

MAX_SETS = 50
"""RFC 8617 4.2.1."""

RESULTS, MESSAGE, SEAL = "arc-authentication-results", "arc-message-signature", "arc-seal"
FIELDS = (RESULTS, MESSAGE, SEAL)
MAX_RESULTS = 16_384  # bytes of an ARC-Authentication-Results field that are kept

MESSAGE_TAGS = ("i", "a", "b", "bh", "d", "h", "s")
SEAL_TAGS = ("i", "a", "b", "cv", "d", "s")
NUMBER = re.compile(rb"[0-9]{1,3}")


class ArcReason(StrEnum):
    """Why a chain is broken."""

    TOO_MANY = "more than 50 sets"
    ENDED = "the chain was found broken before"
    SYNTAX = "a field cannot be read"
    INCOMPLETE = "a set is not complete"
    REPEATED = "a set has a field twice"
    GAP = "a set is missing"
    STATUS = "wrong chain validation status"
    MESSAGE_SIGNATURE = "message signature did not verify"
    SEAL = "seal did not verify"


class ArcSeal(msgspec.Struct, frozen=True):
    """An ARC-Seal. ``unsigned`` is the whole field without the value of its ``b=``."""

    status: ChainStatus
    domain: str
    selector: str
    algorithm: str
    signature: bytes
    unsigned: bytes
    timestamp: int | None = None

    @property
    def kind(self) -> str:
        return ALGORITHMS[self.algorithm][0]

    @property
    def key_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


class ArcSet(msgspec.Struct, frozen=True):
    """One hop. ``results`` is what stands behind ``i=N;``, to be read as Authentication-Results;
    ``places`` are the three fields' places in ``Letter.fields`` (results, message, seal)."""

    instance: int
    results: str
    message: DkimSignature
    seal: ArcSeal
    places: tuple[int, int, int]


class BrokenChain(msgspec.Struct, frozen=True):
    """Why the sets form no chain. ``highest``: the greatest instance that could be read."""

    reason: ArcReason
    detail: str = ""
    highest: int = 0


def parse_chain(letter: Letter) -> tuple[ArcSet, ...] | BrokenChain:
    """The sets from the first to the last; an empty tuple if the letter has none.

    The order of checks is that of RFC 8617 5.2: number, newest status, structure, statuses.
    """
    if not any(letter.count(name) for name in FIELDS):
        return ()
    if any(letter.count(name) > MAX_SETS for name in FIELDS):
        return BrokenChain(ArcReason.TOO_MANY, highest=MAX_SETS + 1)
    found: dict[str, dict[int, int]] = {}
    problem: BrokenChain | None = None
    for name in FIELDS:
        by_instance = found[name] = {}
        for place in letter.index.get(name, ()):
            instance = find_instance(letter, name, place)
            if instance is None:
                problem = problem or BrokenChain(ArcReason.SYNTAX, f"{name} without instance")
            elif instance in by_instance:
                problem = problem or BrokenChain(ArcReason.REPEATED, f"{name}, i={instance}")
            else:
                by_instance[instance] = place
    highest = max((number for numbers in found.values() for number in numbers), default=0)
    if highest > MAX_SETS:
        return BrokenChain(ArcReason.TOO_MANY, f"i={highest}", highest)
    newest = found[SEAL].get(highest)
    if newest is not None and has_ended(letter.fields[newest]):
        return BrokenChain(ArcReason.ENDED, f"i={highest}", highest)
    if problem is not None:
        return msgspec.structs.replace(problem, highest=highest)
    return read_sets(letter, found, highest)


def read_sets(
    letter: Letter, found: dict[str, dict[int, int]], highest: int
) -> tuple[ArcSet, ...] | BrokenChain:
    sets = []
    for instance in range(1, highest + 1):
        here = [found[name].get(instance) for name in FIELDS]
        places = tuple(place for place in here if place is not None)
        if not places:
            return BrokenChain(ArcReason.GAP, f"i={instance}", highest)
        if len(places) != 3:
            return BrokenChain(ArcReason.INCOMPLETE, f"i={instance}", highest)
        results, message, seal = places
        try:
            one = ArcSet(
                instance,
                read_results(letter.fields[results]),
                read_message(letter.fields[message]),
                read_seal(letter.fields[seal]),
                (results, message, seal),
            )
        except Refusal as refusal:
            detail = f"i={instance}: {refusal.reason} {refusal.detail}".rstrip()
            return BrokenChain(ArcReason.SYNTAX, detail, highest)
        if one.seal.status != ("none" if instance == 1 else "pass"):
            detail = f"i={instance}, cv={one.seal.status}"
            return BrokenChain(ArcReason.STATUS, detail, highest)
        sets.append(one)
    return tuple(sets)


def find_instance(letter: Letter, name: str, place: int) -> int | None:
    """The field's ``i=``: 1 or more."""
    field = letter.fields[place]
    if name == RESULTS:
        value = field[field.find(b":") + 1 :][:MAX_RESULTS].decode("utf-8", "replace")
        match = INSTANCE.match(value)
        number = int(match[1]) if match else 0
    else:
        try:
            tags, _ = split_field(field)
            number = read_instance(tags)
        except Refusal:
            number = 0
    return number or None


def read_instance(tags: dict[str, Tag]) -> int:
    if "i" not in tags or NUMBER.fullmatch(tags["i"].value) is None:
        raise Refusal(Reason.SIGNATURE_SYNTAX, "i= is no instance")
    return int(tags["i"].value)


def has_ended(field: bytes) -> bool:
    """Whether that seal says that its maker found the chain broken."""
    try:
        tags, _ = split_field(field)
    except Refusal:
        return False
    return read_text(tags, "cv").lower() == "fail"


def read_results(field: bytes) -> str:
    """What the hop found, without the instance."""
    value = field[field.find(b":") + 1 :][:MAX_RESULTS].decode("utf-8", "replace")
    match = INSTANCE.match(value)
    return value[match.end() :].strip() if match else ""


def read_message(field: bytes) -> DkimSignature:
    """RFC 8617 4.1.2: a DKIM signature without version, whose ``i=`` is the instance."""
    tags, unsigned = split_field(field)
    claim = read_signature(tags, unsigned, MESSAGE_TAGS, has_identity=False)
    if SEAL in claim.headers:
        raise Refusal(Reason.SIGNATURE_SYNTAX, "h= covers ARC-Seal")
    if claim.hash_name == "sha1":
        raise Refusal(Reason.ALGORITHM, claim.algorithm)
    return claim


def read_seal(field: bytes) -> ArcSeal:
    """RFC 8617 4.1.3: no ``h=`` (what a seal covers is fixed), always relaxed."""
    tags, unsigned = split_field(field)
    algorithm = read_algorithm(tags, SEAL_TAGS)
    if ALGORITHMS[algorithm][1] == "sha1":
        raise Refusal(Reason.ALGORITHM, algorithm)
    if "h" in tags:
        raise Refusal(Reason.SIGNATURE_SYNTAX, "h= in ARC-Seal")
    status = read_text(tags, "cv").lower()
    if status not in ("none", "pass", "fail"):
        raise Refusal(Reason.SIGNATURE_SYNTAX, f"cv={status[:40]}")
    domain, selector = read_place(tags)
    return ArcSeal(
        status=cast(ChainStatus, status),
        domain=domain,
        selector=selector,
        algorithm=algorithm,
        signature=read_base64(tags, "b"),
        unsigned=unsigned,
        timestamp=read_number(tags, "t"),
    )
