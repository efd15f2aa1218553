# SPDX-License-Identifier: Apache-2.0
"""Is this letter signed, for which domain, and with which keys? Shared by DKIM and ARC.

A module makes one ``Signing`` of its options and asks it for each message. What comes back
names keys; reading them and signing is the module's part. The steps, in this order: request
headers, the operator's condition, pre-results and direction (``signing_eligibility``),
OpenDKIM's tables (``signing_tables``), the domain (``signing_domain``), the keys
(``signing_keys``, ``signing_vault``).

Source: direction-modules reference §6.
"""

from __future__ import annotations

import logging

from gatepost.scan.direction import Direction, Ruling
from gatepost.scan.setup import Setup
from gatepost.scan.signing_domain import find_domain
from gatepost.scan.signing_eligibility import decline, find_origin, rule
from gatepost.scan.signing_keys import KeyChoice, SigningKey
from gatepost.scan.signing_options import SigningOptions
from gatepost.scan.task import Task
from gatepost.store import StoreError


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

    def ruling(self, direction: Direction) -> Ruling:
        """Whether anything can be signed in this direction."""
        return rule(direction, self.options)

    async def choose(self, task: Task) -> list[SigningKey]:
        """What signs this letter, in the order of the signatures; nothing: it is not signed."""
        origin = find_origin(task, self.options, self.networks)
        if origin is None:
            return []
        domain = find_domain(task, origin, self.options)
        if domain is None:
            return []
        try:
            found = await self.keys.find(task, domain)
        except StoreError as error:
            task.log(logging.ERROR, "not signed: the keys of %s: %s", domain, error)
            return []
        if not found:
            decline(task, "no key for %s", domain)
        return found
