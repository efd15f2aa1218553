# SPDX-License-Identifier: Apache-2.0
"""Does the chain of those who passed this letter on hold? RFC 8617 5.2.

Every seal is checked, and the newest message signature. Nothing raises for mail or DNS.
"""

import hashlib
from collections.abc import Callable

import msgspec

from gatepost.authn.arc_set import (
    ArcReason,
    ArcSeal,
    ArcSet,
    BrokenChain,
    ChainStatus,
    parse_chain,
)
from gatepost.authn.dkim_canonical import relaxed_field
from gatepost.authn.dkim_key_cache import KeyCache, KeyRecords
from gatepost.authn.dkim_key_lookup import choose_keys, find_all_keys
from gatepost.authn.dkim_key_record import KeyProblem
from gatepost.authn.dkim_verify import judge_by_key
from gatepost.authn.letter import Letter
from gatepost.authn.outcomes import Reason
from gatepost.net import Resolver

Keys = dict[str, KeyRecords | KeyProblem]


class ArcVerdict(msgspec.Struct, frozen=True):
    """What became of the chain.

    ``sets`` are the hops from the first on, empty if their structure is broken; ``highest`` is
    the greatest instance there is all the same. ``instance``: the hop that ``reason`` speaks of.
    ``temporary``: a key could not be asked for, so the failure may not be one (RFC 8617 5.2.2).
    ``oldest_pass``: 0 if all message signatures hold, else the oldest instance from which on they
    do; ``None`` if nobody asked.
    """

    status: ChainStatus
    reason: ArcReason | None = None
    detail: str = ""
    instance: int = 0
    sets: tuple[ArcSet, ...] = ()
    highest: int = 0
    temporary: bool = False
    oldest_pass: int | None = None

    @property
    def passed(self) -> bool:
        return self.status == "pass"

    @property
    def newest(self) -> ArcSet | None:
        """The last hop."""
        return self.sets[-1] if self.sets else None


async def verify_arc(
    letter: Letter,
    resolver: Resolver,
    *,
    now: float,
    cache: KeyCache | None = None,
    want_oldest_pass: bool = False,
    forgives: Callable[[str], bool] | None = None,
) -> ArcVerdict:
    """The status of the letter's chain: ``none`` without ARC fields, ``pass`` or ``fail``.

    ``now``: seconds since the epoch, for the cache of keys. ``want_oldest_pass``: check the older
    message signatures, too, which says who has changed the letter (RFC 8617 5.2, step 5).
    ``forgives``: whether the seals and message signatures of a domain need not hold.
    """
    sets = parse_chain(letter)
    if isinstance(sets, BrokenChain):
        return ArcVerdict(
            "fail", sets.reason, sets.detail, instance=sets.highest, highest=sets.highest
        )
    if not sets:
        return ArcVerdict("none")
    signed = sets if want_oldest_pass else sets[-1:]
    names = [one.seal.key_name for one in sets] + [one.message.key_name for one in signed]
    keys = await find_all_keys(names, resolver, cache=cache, now=now)
    verdict = ArcVerdict("pass", sets=sets, highest=len(sets))

    newest = sets[-1]
    message = judge_by_key(letter, newest.message, keys[newest.message.key_name])
    if not message.passed and not (forgives is not None and forgives(newest.message.domain)):
        return fail(
            verdict,
            ArcReason.MESSAGE_SIGNATURE,
            newest.instance,
            message.reason,
            temporary=message.result == "temperror",
        )
    if want_oldest_pass:
        oldest = find_oldest_pass(letter, sets, keys)
        verdict = msgspec.structs.replace(verdict, oldest_pass=oldest)
    broken = find_broken_seal(letter, sets, keys, forgives)
    if broken is not None:
        instance, reason = broken
        unavailable = reason is Reason.KEY_UNAVAILABLE
        return fail(verdict, ArcReason.SEAL, instance, reason, temporary=unavailable)
    return verdict


def fail(
    verdict: ArcVerdict,
    reason: ArcReason,
    instance: int,
    why: Reason | None,
    *,
    temporary: bool,
) -> ArcVerdict:
    return msgspec.structs.replace(
        verdict,
        status="fail",
        reason=reason,
        detail=f"i={instance}: {why}" if why else f"i={instance}",
        instance=instance,
        temporary=temporary,
    )


def find_oldest_pass(letter: Letter, sets: tuple[ArcSet, ...], keys: Keys) -> int:
    """RFC 8617 5.2, step 5; the newest has passed."""
    for one in reversed(sets[:-1]):
        if not judge_by_key(letter, one.message, keys[one.message.key_name]).passed:
            return one.instance + 1
    return 0


def find_broken_seal(
    letter: Letter,
    sets: tuple[ArcSet, ...],
    keys: Keys,
    forgives: Callable[[str], bool] | None,
) -> tuple[int, Reason] | None:
    """The newest seal that does not hold, and why; one whose key is unavailable only if all others
    hold.

    A seal covers all sets up to its own (RFC 8617 5.1.1): one digest goes through them, and a
    copy of it ends at each seal.
    """
    broken = None
    state = hashlib.sha256()
    for one in sets:
        results, message, seal = one.places
        state.update(letter.field(results, "relaxed"))
        state.update(letter.field(message, "relaxed"))
        sealed = state.copy()
        sealed.update(relaxed_field(one.seal.unsigned).removesuffix(b"\r\n"))
        reason = check_seal(one.seal, sealed.digest(), keys[one.seal.key_name])
        if reason is not None and forgives is not None and forgives(one.seal.domain):
            reason = None
        if reason is not None and (broken is None or reason is not Reason.KEY_UNAVAILABLE):
            broken = one.instance, reason
        state.update(letter.field(seal, "relaxed"))
    return broken


def check_seal(seal: ArcSeal, digest: bytes, found: KeyRecords | KeyProblem) -> Reason | None:
    keys = choose_keys(found, kind=seal.kind, hash_name="sha256", strict_fails=False)
    if isinstance(keys, KeyProblem):
        return keys.reason
    for key in keys:
        if key.verifies("sha256", digest, seal.signature):
            return Reason.KEY_SIZE if key.too_short else None
    return Reason.SIGNATURE
