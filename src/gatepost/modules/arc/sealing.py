# SPDX-License-Identifier: Apache-2.0
"""Is this letter sealed, by which key, and what does the seal say?

Who is sealed for, and with which key, is decided in ``scan/signing.py``, as for DKIM. No set is
added where it could tell nobody anything: on what is no chain, on a chain that cannot be checked
just now (cv=fail would end it for ever, RFC 8617 5.1.2), and on our own seal that came back.

Source: direction-modules reference §7.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from functools import partial

from gatepost.authn import (
    DEFAULT_ARC_HEADERS,
    ArcVerdict,
    ChainStatus,
    Letter,
    NewArcSet,
    PrivateKey,
    PrivateKeys,
    PublishedKeys,
    SignHeaders,
    SigningError,
    has_sealed,
    seal_arc,
    shared_letter,
)
from gatepost.modules.arc.options import ArcOptions
from gatepost.modules.arc.results import (
    SealedResults,
    reuse_field,
    state_found,
)
from gatepost.scan.authserv_id import find_authserv_id
from gatepost.scan.outgoing_header import outgoing_header
from gatepost.scan.setup import Setup
from gatepost.scan.signing import Signing
from gatepost.scan.signing_eligibility import decline
from gatepost.scan.signing_keys import SigningKey
from gatepost.scan.task import Task

FIELDS = ("ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results")
"""In the order in which they stand on the letter: some validators insist on it."""


class Sealer:
    """Seals under one configuration. Mistakes in it are reported to ``setup``."""

    def __init__(self, options: ArcOptions, setup: Setup, *, rejected: str) -> None:
        """``rejected``: the symbol that says that the chain is broken."""
        self.options = options
        self.signing = Signing(
            options,
            setup,
            folder="arc",
            variables=("arc_key", "arc_selector"),
            rejected=rejected,
        )
        self.keys = PrivateKeys()
        self.published = PublishedKeys()
        self.headers = _sign_headers(options.sign_headers, setup)
        self.host = socket.gethostname()
        self.names_user = _names_user(setup)
        self.signing.check_files(setup, self.keys.look)

    async def seal(self, task: Task) -> tuple[NewArcSet, str] | None:
        """A new set and ``domain:s=selector`` of who made it; ``None``: not sealed."""
        chain = _chain_to_seal(task)
        chosen = await self.signing.choose(task) if chain is not None else []
        if chain is None or not chosen:
            return None
        first = chosen[0]
        key = self.keys.find(first.path, first.text, first.name)
        if key is None or not await self._may_use(task, key, first):
            return None
        letter = shared_letter(task.message, task.variables, outgoing_header(task))
        if has_sealed(letter, key, first.domain, first.selector, chain=chain):
            decline(task, "our seal for %s is on it", first.domain)
            return None
        new = self._add_set(task, letter, chain, key, first)
        return None if new is None else (new, f"{first.domain}:s={first.selector}")

    def _add_set(
        self, task: Task, letter: Letter, chain: ArcVerdict, key: PrivateKey, chosen: SigningKey
    ) -> NewArcSet | None:
        results = self._results(task)
        try:
            new = seal_arc(
                letter,
                key,
                chosen.domain,
                chosen.selector,
                chain=chain,
                results=results.text,
                now=task.now,
                status=_status(results),
                sign_headers=self.headers,
            )
        except SigningError as error:
            task.log(logging.ERROR, "not sealed: %s", error)
            return None
        if new is None:
            decline(task, "its chain has ended or is full")
        return new

    def _results(self, task: Task) -> SealedResults:
        own = find_authserv_id(task, self.host)
        if self.options.reuse_auth_results:
            reused = reuse_field(task, self.options.trusted_authserv_id or own)
            if reused is not None:
                return reused
        return state_found(task, own, name_user=self.names_user)

    async def _may_use(self, task: Task, key: PrivateKey, chosen: SigningKey) -> bool:
        have = partial(self.published.have, key, chosen.domain, chosen.selector, now=task.now)
        return await self.signing.may_use(task, have)


def _chain_to_seal(task: Task) -> ArcVerdict | None:
    """The chain as checked, if a seal on top of it can tell anybody anything."""
    chain = task.variables.get("arc")
    if not isinstance(chain, ArcVerdict):  # a pre-result came before the check
        if any(name in task.message.headers for name in FIELDS):
            decline(task, "its chain was not checked")
            return None
        return ArcVerdict("none")
    if chain.temporary:
        decline(task, "its chain cannot be checked just now")
        return None
    if chain.highest and not chain.sets:
        decline(task, "its chain is none: %s", chain.reason)
        return None
    return chain


def _status(results: SealedResults) -> ChainStatus | None:
    """As rspamd: who says that there was no chain, or that it passed, is believed."""
    if results.arc is None:
        return None
    return "pass" if results.arc in ("none", "pass") else "fail"


def _sign_headers(given: str | None, setup: Setup) -> SignHeaders:
    if given is None:
        return DEFAULT_ARC_HEADERS
    try:
        return SignHeaders.parse(given)
    except SigningError as error:
        setup.problem("sign_headers", str(error))
        return DEFAULT_ARC_HEADERS


def _names_user(setup: Setup) -> bool:
    """``add_smtp_user`` of the Authentication-Results that ``milter_headers`` writes."""
    place: object = setup.config.section("milter_headers")
    for key in ("routines", "authentication-results"):
        place = place.get(key) if isinstance(place, Mapping) else None
    return place.get("add_smtp_user") is not False if isinstance(place, Mapping) else True
