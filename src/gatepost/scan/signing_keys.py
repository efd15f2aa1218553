# SPDX-License-Identifier: Apache-2.0
"""Which selectors sign for a domain, and where is the key of each?

Source: direction-modules reference §6, "Selector and key collection".
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import msgspec

from gatepost.scan.setup import Setup
from gatepost.scan.signing_domain import dns_name
from gatepost.scan.signing_options import SigningOptions
from gatepost.scan.task import Task

VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """One signature to make. The key is the file ``path``, or what ``text`` holds.

    ``expire``: seconds after which the signature is void.
    """

    domain: str
    selector: str
    path: str = ""
    text: str = ""
    expire: int | None = None

    @property
    def name(self) -> str:
        """Where its public half is published (RFC 6376 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


class Place(msgspec.Struct):
    """A selector on its way to be complete; ``None`` is what is still missing."""

    selector: str | None = None
    path: str | None = None
    text: str | None = None


class KeyChoice:
    """Finds what signs for a domain. Made with a module, asked for each message."""

    def __init__(
        self, options: SigningOptions, setup: Setup, *, folder: str, variables: tuple[str, str]
    ) -> None:
        """``folder``: where below DBDIR keys are found by default; ``variables``: the names of
        the task variables that settings may set to a key and its selector."""
        self.options = options
        self.base = setup.config.folder or Path(".")
        default = str(setup.config.state / folder / "$domain.$selector.key")
        self.path = default if options.path is None else options.path
        self.key_variable, self.selector_variable = variables
        self.selectors = setup.map(options.selector_map, kind="map", option="selector_map")
        self.paths = setup.map(options.path_map, kind="map", option="path_map")
        self.domains: dict[str, list[Place]] = {}
        for name, entry in options.domain.items():
            domain = dns_name(name)
            if not domain:
                setup.problem("domain", f"`{name}` is no domain")
                continue
            places = [Place(one.selector, one.path) for one in entry.selectors]
            if entry.selector is not None or entry.path is not None:
                places.insert(0, Place(entry.selector, entry.path))
            self.domains[domain] = places

    def fixed_files(self) -> list[str]:
        """The files that ``domain`` names, whatever letter comes."""
        places = [(place, name) for name, many in self.domains.items() for place in many]
        keys = [self.complete(place, name) for place, name in places if place.path is not None]
        return [key.path for key in keys if key is not None]

    async def find(self, task: Task, domain: str) -> list[SigningKey]:
        """What signs for ``domain``, in the order of the signatures; may be nothing.

        Raises ``StoreError`` where keys are in the store and it does not answer.
        """
        places = self._configured(domain) or self._of_settings(task)
        self._add_maps(places, domain)
        if not places:
            if not self.options.try_fallback:
                return []
            places.append(Place())
        if self.options.use_redis:
            await self._add_stored(task, places, domain)
        return [key for place in places if (key := self.complete(place, domain)) is not None]

    def _configured(self, domain: str) -> list[Place]:
        return [Place(one.selector, one.path) for one in self.domains.get(domain, ())]

    def _of_settings(self, task: Task) -> list[Place]:
        key = task.variables.get(self.key_variable)
        selector = task.variables.get(self.selector_variable)
        if not isinstance(key, str) or not isinstance(selector, str):
            return []
        return [key_place(selector, key)]

    def _add_maps(self, places: list[Place], domain: str) -> None:
        selector = self.selectors.find(domain) if self.selectors is not None else None
        path = self.paths.find(domain) if self.paths is not None else None
        if not places and (selector or path):
            places.append(Place())
        for place in places:
            if place.selector is None:
                place.selector = selector or None
            if place.path is None and place.text is None:
                place.path = path or None

    async def _add_stored(self, task: Task, places: list[Place], domain: str) -> None:
        options = self.options
        wanted = [place for place in places if place.path is None and place.text is None]
        if wanted and options.selector_prefix is not None:
            stored = (await task.store.hash_get(options.selector_prefix, [domain]))[0]
            for place in wanted:
                place.selector = place.selector if stored is None else as_text(stored).strip()
        if wanted:
            names = [f"{place.selector or options.selector}.{domain}" for place in wanted]
            keys = await task.store.hash_get(options.key_prefix, names)
            for place, key in zip(wanted, keys, strict=True):
                place.text = None if key is None else as_text(key)

    def complete(
        self, place: Place, domain: str, *, expire: int | None = None
    ) -> SigningKey | None:
        """A place with what it lacks from the defaults; ``None`` if no key is left to take."""
        selector = fill(place.selector or self.options.selector, domain=domain)
        if place.text is not None:
            return SigningKey(domain=domain, selector=selector, text=place.text, expire=expire)
        if place.path is None and self.options.use_redis:
            return None
        path = fill(place.path or self.path, domain=domain, selector=selector)
        path = absolute(self.base, path)
        return SigningKey(domain=domain, selector=selector, path=path, expire=expire)


def key_place(selector: str | None, key: str) -> Place:
    """A key as tables and settings give it: a path if it looks like one, else the key itself."""
    is_path = key.startswith(("/", "./", ".."))
    return Place(selector, path=key) if is_path else Place(selector, text=key)


def fill(template: str, **values: str) -> str:
    """``$name`` and ``${name}`` replaced; what has no value stays."""
    if "$" not in template:
        return template
    return VARIABLE.sub(lambda m: values.get(m[1] or m[2], m[0]), template)


@lru_cache(maxsize=1024)
def absolute(base: Path, path: str) -> str:
    """``path`` from ``base``; remembered, because paths are slow to join and few."""
    return str(base / path)


def as_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
