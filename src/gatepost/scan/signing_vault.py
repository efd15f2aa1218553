# SPDX-License-Identifier: Apache-2.0
"""Signing keys in a HashiCorp Vault: which selectors does it have for a domain?

What the Vault said is kept for a minute. While it does not answer, what it said last still
signs, and it is asked again after some seconds, not for each letter.

Source: direction-modules reference §6, "Sources"; Vault's HTTP API, KV versions 1 and 2.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from gatepost.net import HttpError, fetch, parse_url
from gatepost.scan.maps import Map
from gatepost.scan.setup import Setup
from gatepost.scan.signing_domain import dns_name
from gatepost.scan.signing_keys import SigningKey
from gatepost.scan.signing_options import SigningOptions

log = logging.getLogger("gatepost.dkim")

KEPT = 60.0  # seconds
RETRY = 5.0  # seconds
MAX_DOMAINS = 10_000
MAX_SELECTORS = 32


class Entry(NamedTuple):
    """One selector as the Vault has it, and when it may sign (seconds since the epoch)."""

    key: SigningKey
    start: float
    end: float


class Known(NamedTuple):
    """What the Vault said of a domain, and until when that is taken as it is."""

    entries: tuple[Entry, ...]
    until: float


class Vault:
    """The Vault of one module."""

    def __init__(self, options: SigningOptions, domains: Map | None) -> None:
        """``domains``: those that it is asked for; ``None``: all."""
        self.options = options
        self.domains = domains
        self.known: OrderedDict[str, Known] = OrderedDict()

    def serves(self, domain: str) -> bool:
        """Whether the keys of ``domain`` are in the Vault."""
        return self.domains is None or domain in self.domains

    async def find(self, domain: str, now: float) -> list[SigningKey]:
        """What may sign for ``domain`` at ``now``. Never raises: trouble is logged."""
        known = self.known.get(domain)
        if known is None or known.until <= now:
            known = await self._ask(domain, now, known)
            self.known[domain] = known
            self.known.move_to_end(domain)
            if len(self.known) > MAX_DOMAINS:
                self.known.popitem(last=False)
        return [entry.key for entry in known.entries if entry.start <= now <= entry.end]

    async def _ask(self, domain: str, now: float, old: Known | None) -> Known:
        options = self.options
        try:
            answer = await fetch(
                self.address(domain),
                headers={"X-Vault-Token": options.vault_token or ""},
                timeout=options.http_timeout,
                verify=not options.no_ssl_verify,
            )
            if answer.status == 404:
                log.info("vault: no keys for %s", domain)
                return Known((), now + KEPT)
            if not answer.ok:
                raise HttpError(f"status {answer.status}")
            entries = parse_secret(answer.body, domain, options.vault_kv_version)
        except (HttpError, msgspec.MsgspecError) as error:
            log.error("vault: the keys of %s: %s", domain, error)
            return Known(old.entries if old is not None else (), now + RETRY)
        return Known(entries, now + KEPT)

    def address(self, domain: str) -> str:
        """Where the secret of a domain is; version 2 has ``data`` behind the mount's name."""
        base = (self.options.vault_url or "").rstrip("/")
        path = self.options.vault_path.strip("/")
        if self.options.vault_kv_version == 2:
            mount, _, rest = path.partition("/")
            path = f"{mount}/data/{rest}" if rest else f"{mount}/data"
        return f"{base}/v1/{quote(path)}/{quote(domain, safe='')}"


def parse_secret(body: bytes, domain: str, version: int) -> tuple[Entry, ...]:
    """The selectors in Vault's answer; those that cannot be used are logged and left out.

    Raises ``msgspec.MsgspecError`` for what is no JSON.
    """
    data = _inside(msgspec.json.decode(body), "data")
    if version == 2:
        data = _inside(data, "data")
    selectors = _inside(data, "selectors")
    if isinstance(selectors, str):  # as a form of Vault's own web page stores it
        selectors = msgspec.json.decode(selectors)
    found: list[Entry] = []
    for given in selectors[:MAX_SELECTORS] if isinstance(selectors, list) else ():
        entry = _entry(given, domain)
        if entry is None:
            log.error("vault: a selector of %s without name, key or times that are any", domain)
        else:
            found.append(entry)
    return tuple(found)


def _inside(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _entry(given: Any, domain: str) -> Entry | None:
    selector, key = _inside(given, "selector"), _inside(given, "key")
    if not isinstance(selector, str) or not isinstance(key, str) or not selector or not key:
        return None
    place = dns_name(str(given.get("domain") or domain))
    try:
        start = float(given.get("valid_start") or 0)
        end = float(given.get("valid_end") or "inf")
    except (TypeError, ValueError):
        return None
    if not place:
        return None
    return Entry(SigningKey(domain=place, selector=selector, text=key), start, end)


def open_vault(options: SigningOptions, setup: Setup) -> Vault | None:
    """The Vault that is configured; what is missing is a configuration mistake."""
    if not options.use_vault:
        return None
    missing = [name for name in ("vault_url", "vault_token") if not getattr(options, name)]
    for name in missing:
        setup.problem("use_vault", f"`{name}` is missing")
    if missing:
        return None
    vault = Vault(options, setup.map(options.vault_domains, kind="glob", option="vault_domains"))
    try:
        parse_url(vault.address("example.org"))
    except HttpError as error:
        setup.problem("vault_url", str(error))
    return vault
