# SPDX-License-Identifier: Apache-2.0
"""Which signatures of this letter hold? RFC 6376 6.1, RFC 8301, RFC 8463, all of them at once.

Nothing here raises for mail or DNS; each signature comes back with a result in the words of
RFC 8601 and, unless it is a plain pass, with a reason.
"""

from collections.abc import Callable

import msgspec

from gatepost.authn.dkim_key_cache import KeyCache, KeyRecords
from gatepost.authn.dkim_key_lookup import choose_keys, find_all_keys
from gatepost.authn.dkim_key_record import KeyProblem, KeyRecord
from gatepost.authn.dkim_signature import BadSignature, DkimSignature, parse_signature
from gatepost.authn.letter import Letter, digest
from gatepost.authn.outcomes import Reason, Result
from gatepost.net import Resolver

# RFC 5322 3.6: at most once in a letter. An instance that no signature covers is what the reader
# may be shown instead of the signed one (RFC 6376 8.15). The rest is rspamd's list.
ONCE = frozenset(
    (
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    )
)


class VerifyOptions(msgspec.Struct, frozen=True):
    """``max_signatures``: those below in the header are not looked at. ``time_jitter``: seconds
    that a signature may be from the future, or past its end. ``accept_sha1``: a good rsa-sha1
    signature passes, against RFC 8301 3.1; it is always reported as weak. ``least_signed``: the
    share of the canonical body that a good signature with ``l=`` has to cover (RFC 6376 8.2);
    below it is no pass."""

    max_signatures: int = 20
    time_jitter: float = 60.0
    accept_sha1: bool = False
    least_signed: float = 0.0


class DkimVerdict(msgspec.Struct, frozen=True):
    """What became of one signature.

    ``signature`` is absent if the field could not be read; ``domain`` and ``selector`` then are
    what was legible. ``key_bits`` is 0 while no key was found. ``testing``: the key says that its
    domain only tries things out, and the letter must not suffer for it (RFC 6376 3.6.1).
    ``weak``: rsa-sha1. ``unsigned_bytes``: how much of the canonical body is beyond ``l=``.
    """

    result: Result
    reason: Reason | None = None
    detail: str = ""
    signature: DkimSignature | None = None
    domain: str = ""
    selector: str = ""
    key_bits: int = 0
    testing: bool = False
    weak: bool = False
    unsigned_bytes: int = 0

    @property
    def passed(self) -> bool:
        return self.result == "pass"


DEFAULT_OPTIONS = VerifyOptions()


async def verify_dkim(
    letter: Letter,
    resolver: Resolver,
    *,
    now: float,
    options: VerifyOptions = DEFAULT_OPTIONS,
    cache: KeyCache | None = None,
    wanted: Callable[[str], bool] | None = None,
) -> list[DkimVerdict]:
    """A verdict on each DKIM-Signature field, from the top; none if the letter has none.

    ``now``: seconds since the epoch. Keys are asked for together and each once. ``wanted``: whether
    the signatures of a domain count; others are left out, as if they were not there.
    """
    places = letter.index.get("dkim-signature", [])
    looked_at = places[: options.max_signatures]
    claims = [parse_signature(letter.fields[at]) for at in looked_at]
    if wanted is not None:
        claims = [claim for claim in claims if wanted(claim.domain)]
    early = [judge_claim(claim, now, options) for claim in claims]
    names = [
        claim.key_name
        for claim, verdict in zip(claims, early, strict=True)
        if verdict is None and isinstance(claim, DkimSignature)
    ]
    keys = await find_all_keys(names, resolver, cache=cache, now=now)
    verdicts = [
        judge(letter, claim, keys[claim.key_name], options)
        if verdict is None and isinstance(claim, DkimSignature)
        else verdict
        for claim, verdict in zip(claims, early, strict=True)
    ]
    found = [verdict for verdict in verdicts if verdict is not None]
    beyond = len(places) - len(looked_at) if wanted is None else 0
    return found + [DkimVerdict("policy", Reason.TOO_MANY)] * beyond


def judge_claim(
    claim: DkimSignature | BadSignature, now: float, options: VerifyOptions
) -> DkimVerdict | None:
    """The verdict that needs no key, if there is one."""
    if isinstance(claim, BadSignature):
        return DkimVerdict(
            "permerror",
            claim.reason,
            claim.detail,
            domain=claim.domain,
            selector=claim.selector,
        )
    reason = None
    if claim.expires is not None and claim.expires < now - options.time_jitter:
        reason = Reason.EXPIRED
    elif claim.timestamp is not None and claim.timestamp > now + options.time_jitter:
        reason = Reason.IN_FUTURE
    if reason is None:
        return None
    # RFC 6376 3.5 lets the verifier choose: that is what RFC 8601 calls policy.
    return DkimVerdict(
        "policy", reason, signature=claim, domain=claim.domain, selector=claim.selector
    )


def judge(
    letter: Letter, claim: DkimSignature, found: KeyRecords | KeyProblem, options: VerifyOptions
) -> DkimVerdict:
    """The verdict on a signature whose keys were asked for."""
    verdict = judge_by_key(letter, claim, found)
    if not verdict.passed:
        return verdict
    if verdict.weak and not options.accept_sha1:
        return settle(verdict, "policy", Reason.WEAK_ALGORITHM, claim.algorithm)
    size = len(letter.body(claim.body)) if verdict.unsigned_bytes else 0
    if size - verdict.unsigned_bytes < size * options.least_signed:
        return settle(verdict, "policy", Reason.UNSIGNED_TEXT, f"{verdict.unsigned_bytes} bytes")
    extra = find_uncovered(letter, claim)
    if extra is not None:
        return settle(verdict, "policy", Reason.UNSIGNED_FIELD, extra)
    return verdict


def judge_by_key(
    letter: Letter, claim: DkimSignature, found: KeyRecords | KeyProblem
) -> DkimVerdict:
    """Whether it was made over this letter by one of these keys: no more than that."""
    verdict = DkimVerdict(
        "pass",
        signature=claim,
        domain=claim.domain,
        selector=claim.selector,
        weak=claim.hash_name == "sha1",
    )
    strict_fails = claim.identity_domain != claim.domain
    keys = choose_keys(found, kind=claim.kind, hash_name=claim.hash_name, strict_fails=strict_fails)
    if isinstance(keys, KeyProblem):
        result: Result = "temperror" if keys.reason is Reason.KEY_UNAVAILABLE else "permerror"
        return settle(verdict, result, keys.reason, keys.detail, testing=keys.testing)
    key, reason = check(letter, claim, keys)
    verdict = msgspec.structs.replace(verdict, key_bits=key.bits, testing=key.testing)
    if key.too_short:
        return settle(verdict, "permerror", Reason.KEY_SIZE, f"{key.bits} bits")
    if reason is not None:
        return settle(verdict, "fail", reason)
    if claim.length is not None:
        beyond = max(len(letter.body(claim.body)) - claim.length, 0)
        verdict = msgspec.structs.replace(verdict, unsigned_bytes=beyond)
    return verdict


def settle(
    verdict: DkimVerdict, result: Result, reason: Reason, detail: str = "", *, testing: bool = False
) -> DkimVerdict:
    """The verdict with that result. A failure under a key in testing means nothing (neutral)."""
    testing = testing or verdict.testing
    if testing and result in ("fail", "permerror"):
        result = "neutral"
    return msgspec.structs.replace(
        verdict, result=result, reason=reason, detail=detail, testing=testing
    )


def check(
    letter: Letter, claim: DkimSignature, keys: list[KeyRecord]
) -> tuple[KeyRecord, Reason | None]:
    """The key that fits, or the first one and why it does not."""
    reason = check_body(letter, claim)
    if reason is not None:
        # Some signers take RFC 6376 at its word and leave a CR without LF as it is.
        literal = letter.with_lone_cr()
        if literal is None or check_body(literal, claim) is not None:
            return keys[0], reason
    text = letter.header_text(claim.headers, claim.header) + claim.signed_field()
    header_hash = digest(claim.hash_name, text)
    for key in keys:
        if key.verifies(claim.hash_name, header_hash, claim.signature):
            return key, None
    return keys[0], Reason.SIGNATURE


def check_body(letter: Letter, claim: DkimSignature) -> Reason | None:
    """What is wrong with the body (RFC 6376 3.5: ``l=`` is no more than there is)."""
    if claim.length is not None and claim.length > len(letter.body(claim.body)):
        return Reason.BODY_LENGTH
    found = letter.body_hash(claim.body, claim.hash_name, claim.length)
    return None if found == claim.body_hash else Reason.BODY_HASH


def find_uncovered(letter: Letter, claim: DkimSignature) -> str | None:
    """A name that may occur once, is signed, and occurs more often than it is signed."""
    for name, places in letter.index.items():
        if len(places) > 1 and name in ONCE and 0 < claim.headers.count(name) < len(places):
            return name
    return None
