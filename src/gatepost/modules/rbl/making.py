# SPDX-License-Identifier: Apache-2.0
"""From a rule as written to one that runs: defaults, maps, codes, selectors, scripts, mistakes.

Source: direction-modules reference §16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from gatepost.config import bind
from gatepost.modules.rbl.attached_maps import AttachedMaps
from gatepost.modules.rbl.codes import Codes, read_bits, read_codes
from gatepost.modules.rbl.compose_map import ComposeMap
from gatepost.modules.rbl.monitoring import LOOPBACK, ZoneHealth
from gatepost.modules.rbl.options import KINDS, RuleOptions, filled
from gatepost.modules.rbl.reading import read_rules
from gatepost.modules.rbl.rule import Rule, Script, Surroundings
from gatepost.modules.rbl.values import Around, Source, sources_of
from gatepost.scan.envelope import IPAddress
from gatepost.scan.errors import ExpressionError
from gatepost.scan.maps import Map
from gatepost.scan.python_files import PythonFileError, load_function
from gatepost.scan.selectors import Selector, parse_selector
from gatepost.scan.setup import Setup
from gatepost.ucl import Array, Object, Value


class RuleMaker:
    """Makes the rules of one configuration. ``zones`` are the lists whose health is watched."""

    def __init__(
        self,
        setup: Setup,
        defaults: Mapping[str, bool],
        *,
        url_whitelist: Value,
        attached_maps: Value,
        local_map: Map | None,
        disabled_zones: Map | None,
    ) -> None:
        self.setup = setup
        self.defaults = defaults
        self.url_whitelist = url_whitelist
        self.local_map = local_map
        self.disabled_zones = disabled_zones
        self.attached = AttachedMaps(setup.maps, self._attached(attached_maps))
        self.zones: dict[str, ZoneHealth] = {}

    def make_all(self, taken: Iterable[str]) -> list[Rule]:
        """All rules that are on; their checks have other names than those that are ``taken``."""
        setup, names = self.setup, set(taken)
        found: list[Rule] = []
        for name, section in read_rules(setup.section, setup.config, setup.problems).items():
            rule = self._make(name, section)
            if rule is None:
                continue
            if rule.callback in names:
                message = f"another rule is called {rule.callback} already"
                setup.problems.error(section.place("symbol"), f"rbl.rules.{name}: {message}")
                continue
            names.add(rule.callback)
            found.append(rule)
        return found

    def _make(self, name: str, section: Object) -> Rule | None:
        if _is_off(section, self.defaults):
            return None
        path, problems = f"rbl.rules.{name}", self.setup.problems
        options = filled(bind(RuleOptions, section, path, problems), self.defaults)
        if not options.enabled or options.disabled:
            return None
        if not any(options.asks(kind) for kind in KINDS):
            message = f"{path}: has no `checks`, so it asks for the client's address"
            problems.warning(section.where, message)
            options = msgspec.structs.replace(options, from_=True)
        around = _Parts(self, name, section, options).surroundings()
        return Rule(name, options.symbol or name.upper(), options, around)

    def health_of(self, options: RuleOptions) -> ZoneHealth | None:
        """The health of the rule's zone; rules of one zone share it."""
        if options.disable_monitoring or self.setup.core.disable_monitoring:
            return None
        zone = options.rbl.strip(".").lower()
        found = self.zones.get(zone)
        if found is None:
            at_random = options.random_monitored
            if at_random is None:
                at_random = not options.asks_addresses or bool(options.no_ip)
            address = "" if at_random else options.monitored_address or LOOPBACK
            found = self.zones[zone] = ZoneHealth(zone, address)
        return found

    def _attached(self, given: Value) -> dict[str, Map]:
        found: dict[str, Map] = {}
        for one in given if isinstance(given, Array) else [] if given is None else [given]:
            alias = one.get("selector_alias") if isinstance(one, Object) else None
            if not isinstance(one, Object) or not isinstance(alias, str):
                self.setup.problem("attached_maps", "expected maps with a `selector_alias`")
                continue
            kind = str(one.get("type", "hash"))
            opened = self.setup.map(one, kind=kind, option="attached_maps")
            if opened is not None:
                found[alias] = opened
        return found


class _Parts:
    """What one rule needs, made of its options; mistakes are named with their place."""

    def __init__(self, maker: RuleMaker, name: str, section: Object, options: RuleOptions) -> None:
        self.maker = maker
        self.setup = maker.setup
        self.name = name
        self.section = section
        self.options = options

    def problem(self, option: str, message: str) -> None:
        self.setup.problems.error(
            self.section.place(option), f"rbl.rules.{self.name}.{option}: {message}"
        )

    def map(self, option: str, kind: str) -> Map | None:
        definition = getattr(self.options, option)
        if definition is None:
            return None
        path = f"rbl.rules.{self.name}.{option}"
        where = self.section.place(option)
        return self.setup.maps.open(definition, kind=kind, where=where, name=path)

    def surroundings(self) -> Surroundings:
        options, maker = self.options, self.maker
        is_excluded = self._exclusion()
        compose = self.map("url_compose_map", "set")
        around = Around(
            is_local=self.setup.is_local,
            is_excluded=is_excluded,
            limit=options.requests_limit or self.setup.core.dns_max_requests,
            compose=None if compose is None else ComposeMap(compose),
            selectors=self._selectors(),
        )
        sources = sources_of(options, around)
        self._warn_of_missing_prefixes(sources)
        return Surroundings(
            sources=sources,
            codes=self._codes(),
            health=maker.health_of(options),
            whitelist=self.map("whitelist", "radix" if options.asks_addresses else "set"),
            url_whitelist=self._url_whitelist(),
            disabled_zones=maker.disabled_zones,
            is_local=self.setup.is_local,
            is_excluded=is_excluded,
            script=self._script(),
        )

    def _warn_of_missing_prefixes(self, sources: Iterable[Source]) -> None:
        prefixes = self.options.symbols_prefixes
        for label in {source.label for source in sources} - set(prefixes) if prefixes else ():
            self.setup.problems.warning(
                self.section.place("symbols_prefixes"),
                f"rbl.rules.{self.name}.symbols_prefixes: there is none for `{label}`",
            )

    def _exclusion(self) -> Callable[[IPAddress], bool]:
        own = self.map("local_exclude_ip_map", "radix")
        maps = tuple(one for one in (own, self.maker.local_map) if one is not None)
        return _nowhere if not maps else lambda address: any(address in one for one in maps)

    def _codes(self) -> Codes | None:
        options = self.options
        if options.returnbits:
            return read_bits(options.returnbits)
        if not options.returncodes:
            return None
        return read_codes(
            options.returncodes,
            options.returncodes_matcher,
            lambda message: self.problem("returncodes", message),
        )

    def _url_whitelist(self) -> Map | None:
        options = self.options
        if options.ignore_url_whitelist:
            return None
        if options.url_whitelist is not None:
            return self.map("url_whitelist", "set")
        if options.whitelist is not None or not options.asks_names:
            return None
        return self.setup.map(self.maker.url_whitelist, kind="set", option="url_whitelist")

    def _selectors(self) -> list[tuple[str, Selector]]:
        given = self.options.selector
        if given is None or "selector" in self.options.exclude_checks:
            return []
        if isinstance(given, str):
            given = {"selector": given}
        if not isinstance(given, dict):
            self.problem("selector", "expected a selector, or several with a label each")
            return []
        found: list[tuple[str, Selector]] = []
        for label, text in given.items():
            try:
                found.append((label, parse_selector(str(text), maps=self.maker.attached)))
            except ExpressionError as error:
                self.problem("selector", f"{label}: {error}")
        return found

    def _script(self) -> Script | None:
        given = self.options.process_script
        if given is None:
            return None
        try:
            return load_function(given, self.setup.config.folder or Path("."))
        except PythonFileError as error:
            self.problem("process_script", str(error))
            return None


def _nowhere(address: IPAddress) -> bool:
    return False


def _is_off(section: Object, defaults: Mapping[str, bool]) -> bool:
    """Whether the rule is switched off, so that it need not be complete."""
    if section.get("disabled") is True or section.get("enabled") is False:
        return True
    ignores = section.get("ignore_defaults", section.get("ignore_default"))
    return "enabled" not in section and not defaults["enabled"] and ignores is not True
