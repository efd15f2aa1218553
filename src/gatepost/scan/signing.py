# SPDX-License-Identifier: Apache-2.0
"""Is this letter signed, for which domain, and with which keys? Shared by DKIM and ARC.

A module makes one ``Signing`` of its options and asks it for each message. What comes back
names keys; reading them and signing is the module's part. The steps, in this order: request
headers and the operator's condition (``signing_requests``), pre-results and direction
(``signing_eligibility``), OpenDKIM's tables (``signing_tables``), the domain
(``signing_domain``), the keys (``signing_vault``, ``signing_keys``).

Source: direction-modules reference §6.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from gatepost.net import Resolver
from gatepost.scan.direction import Direction, Ruling
from gatepost.scan.patience import decision_time
from gatepost.scan.setup import Setup
from gatepost.scan.signing_domain import find_domain
from gatepost.scan.signing_eligibility import Origin, decline, find_origin, rule
from gatepost.scan.signing_keys import KeyChoice, SigningKey
from gatepost.scan.signing_options import SigningOptions
from gatepost.scan.signing_requests import ask_condition, find_requested
from gatepost.scan.signing_tables import SigningTables, open_tables
from gatepost.scan.signing_vault import open_vault
from gatepost.scan.task import Task
from gatepost.store import StoreError


class KeyFile(Protocol):
    """A file of a key as it was read; ``problem`` says why there is no ``key``."""

    @property
    def key(self) -> object | None: ...

    @property
    def problem(self) -> str: ...

    @property
    def legible(self) -> bool: ...


class Signing:
    """The choices of one module under one configuration."""

    def __init__(
        self,
        options: SigningOptions,
        setup: Setup,
        *,
        folder: str,
        variables: tuple[str, str],
        rejected: str,
    ) -> None:
        """``folder``, ``variables``: see ``KeyChoice``. ``rejected``: the symbol that says that
        the letter's own signature is wrong. Mistakes are reported to ``setup``."""
        self.options = options
        self.rejected = rejected
        self.networks = setup.map(options.sign_networks, kind="radix", option="sign_networks")
        self.keys = KeyChoice(options, setup, folder=folder, variables=variables)
        self.tables = open_tables(options, setup)
        self.vault = open_vault(options, setup)
        self.condition = setup.function(options.sign_condition, option="sign_condition")
        self.custom = setup.function(options.use_domain_custom, option="use_domain_custom")
        self.patience = decision_time(setup.core)

    def ruling(self, direction: Direction) -> Ruling:
        """Whether anything can be signed in this direction."""
        return rule(direction, self.options)

    def check_files(self, setup: Setup, look: Callable[[str], KeyFile]) -> None:
        """Reads keys before the first letter needs them. What holds no key is a mistake; what
        cannot be read may still come, or belong to the user that will serve."""
        for path in self.keys.fixed_files():
            known = look(path)
            if known.key is None:
                report = setup.problem if known.legible else setup.warning
                report("domain", f"{path} {known.problem}")

    async def may_use(
        self, task: Task, is_published: Callable[[Resolver], Awaitable[bool]]
    ) -> bool:
        """Whether a key is used: with ``check_pubkey`` only if its public half is published, or
        if the options let it be another."""
        if not self.options.check_pubkey:
            return True
        resolver = task.resolver.forced(self.patience)
        return await is_published(resolver) or self.options.allow_pubkey_mismatch

    async def choose(self, task: Task) -> list[SigningKey]:
        """What signs this letter, in the order of the signatures; nothing: it is not signed."""
        options = self.options
        if options.use_http_headers:
            requested = find_requested(task, options, rejected=self.rejected)
            if requested is not None:
                return requested
        if options.check_violation and task.has(self.rejected):
            decline(task, "%s was found", self.rejected)
            return []
        if self.condition is not None:
            return await ask_condition(task, self.condition, self.keys)
        origin = find_origin(task, options, self.networks)
        if origin is None:
            return []
        if self.tables is not None:
            return await self._by_tables(task, origin, self.tables)
        domain = find_domain(task, origin, options, self.custom)
        return [] if domain is None else await self._by_domain(task, domain)

    async def _by_tables(
        self, task: Task, origin: Origin, tables: SigningTables
    ) -> list[SigningKey]:
        entry = tables.find(task) if origin.outbound else None
        if entry is None:
            decline(task, "the tables have nothing for its author")
            return []
        if entry.place is None:
            return await self._by_vault(task, entry.domain)
        key = self.keys.complete(entry.place, entry.domain)
        return [] if key is None else [key]

    async def _by_domain(self, task: Task, domain: str) -> list[SigningKey]:
        if self.vault is not None and self.vault.serves(domain):
            return await self._by_vault(task, domain)
        try:
            found = await self.keys.find(task, domain)
        except StoreError as error:
            task.log(logging.ERROR, "not signed: the keys of %s: %s", domain, error)
            return []
        if not found:
            decline(task, "no key for %s", domain)
        return found

    async def _by_vault(self, task: Task, domain: str) -> list[SigningKey]:
        found = await self.vault.find(domain, task.now) if self.vault is not None else []
        if not found:
            decline(task, "no key for %s in the Vault", domain)
        return found
