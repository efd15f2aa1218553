# SPDX-License-Identifier: Apache-2.0
"""What about our own key: is it published, and did it sign this letter already?"""

import logging

from gatepost.authn.dkim_key_cache import KeyCache, KeyMemory
from gatepost.authn.dkim_key_lookup import find_keys
from gatepost.authn.dkim_key_record import KeyProblem, KeyRecord
from gatepost.authn.dkim_keys import PrivateKey
from gatepost.authn.dkim_signature import DkimSignature, parse_signature
from gatepost.authn.dkim_verify import DEFAULT_OPTIONS, judge, judge_claim
from gatepost.authn.letter import Letter
from gatepost.net import Resolver, find_query_name

log = logging.getLogger("gatepost.dkim")

MAX_NAMES = 10_000
MAX_SIGNATURES = 20  # as many as are verified


class PublishedKeys:
    """Compares keys with what the DNS has, and logs each thing that is wrong once until it changes.

    Answers are kept as long as the DNS lets them be kept.
    """

    def __init__(self) -> None:
        self.cache = KeyMemory(MAX_NAMES)
        self.problems: dict[str, str] = {}

    async def have(
        self, key: PrivateKey, domain: str, selector: str, resolver: Resolver, *, now: float
    ) -> bool:
        """Whether a verifier would find the public half of ``key``."""
        problem = await find_publishing_problem(
            key, domain, selector, resolver, now=now, cache=self.cache
        )
        name = f"{selector}._domainkey.{domain}"
        if problem != self.problems.get(name, ""):
            if problem:
                log.warning("the signing key of %s is not what is published: %s", name, problem)
            else:
                log.info("the signing key of %s is published", name)
            while len(self.problems) >= MAX_NAMES:
                del self.problems[next(iter(self.problems))]
            self.problems[name] = problem
        return not problem


async def find_publishing_problem(
    key: PrivateKey,
    domain: str,
    selector: str,
    resolver: Resolver,
    *,
    now: float,
    cache: KeyCache | None = None,
) -> str:
    """Why a verifier would not find this key's public half; empty if he would.

    ``now``: seconds since the epoch, for the cache.
    """
    name = find_query_name(f"{selector}._domainkey.{domain}")
    if name is None:
        return f"no key can be published for domain {domain!r}, selector {selector!r}"
    found = await find_keys(name, resolver, cache=cache, now=now)
    if isinstance(found, KeyProblem):
        return f"{found.reason} {found.detail}".rstrip()
    problems = []
    for record in found:
        if isinstance(record, KeyRecord):
            if record.matches(key):
                return ""
            problems.append("another key")
        else:
            problems.append(f"{record.reason} {record.detail}".rstrip())
    return problems[0]


def has_signed(letter: Letter, key: PrivateKey, domain: str, selector: str, *, now: float) -> bool:
    """Whether the letter carries a signature of this key, for domain and selector, that holds.

    It does when it comes back to us, from a content filter or a forwarder, as it was.
    """
    records = (KeyRecord(key=key.key.public_key(), kind=key.kind, bits=key.bits),)
    wanted = domain.lower(), selector.lower()
    for at in letter.index.get("dkim-signature", ())[:MAX_SIGNATURES]:
        claim = parse_signature(letter.fields[at])
        if not isinstance(claim, DkimSignature):
            continue
        if (claim.domain.lower(), claim.selector.lower()) != wanted:
            continue
        if judge_claim(claim, now, DEFAULT_OPTIONS) is None:
            verdict = judge(letter, claim, records, DEFAULT_OPTIONS)
            if verdict.passed and not verdict.unsigned_bytes:
                return True
    return False
