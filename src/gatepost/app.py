# SPDX-License-Identifier: Apache-2.0
"""Puts everything together: files of configuration → a scanner that is ready to run.

The one file that knows every room. ``build`` reads the configuration, binds all options, makes
the modules and reports *all* mistakes at once; it starts nothing, opens no connection and needs
no event loop, so that the supervisor can call it before it forks. ``App.open`` then opens store
and resolver in the process that scans. ``configtest`` is ``build`` alone; a reload builds a new
``App`` beside the old one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatepost.config import (
    Configuration,
    OptionsSection,
    Problems,
    bind,
    find_configuration,
    load_configuration,
    read_options,
)
from gatepost.modules import ALL
from gatepost.net import DnsResolver, PromptResolver, ResolverSettings
from gatepost.scan.actions_section import ActionsConfig, find_actions, read_actions
from gatepost.scan.composites import Composites
from gatepost.scan.composites_section import read_composites
from gatepost.scan.dns_section import FakeRecords, read_dns
from gatepost.scan.engine import Engine
from gatepost.scan.envelope import IPAddress
from gatepost.scan.errors import DeclarationError
from gatepost.scan.extra_modules import find_extra_modules
from gatepost.scan.groups_section import read_groups
from gatepost.scan.maps import MapLibrary
from gatepost.scan.module import Check, ClientResolver, Module, Stage, section_names
from gatepost.scan.plan import Planner
from gatepost.scan.redis_section import MODULE_KEYS, read_redis
from gatepost.scan.scanner import Scanner, local_test, scanner_options
from gatepost.scan.settings import Settings
from gatepost.scan.settings_rules import SettingsRule, read_rules
from gatepost.scan.setup import Setup
from gatepost.scan.symbol import Symbol, SymbolRegistry
from gatepost.store import (
    Store,
    StoreSettings,
    keep_house,
    open_store,
    owner_name,
)
from gatepost.ucl import Object

log = logging.getLogger("gatepost.app")

GTUBE = Symbol("GTUBE", 0.0, "Generic test for unsolicited bulk email")


@dataclass(frozen=True)
class Loaded:
    """One module under this configuration; ``enabled`` says whether its checks run."""

    module: Module
    enabled: bool


@dataclass(frozen=True)
class App:
    """One configuration, ready to be opened. ``problems`` holds its warnings."""

    config: Configuration
    options: OptionsSection
    problems: Problems
    maps: MapLibrary
    is_local: Callable[[IPAddress], bool]
    modules: Sequence[Loaded]
    registry: SymbolRegistry
    actions: ActionsConfig
    planner: Planner
    engine: Engine
    settings: Settings
    store_settings: StoreSettings
    resolver_settings: ResolverSettings
    fake_records: FakeRecords

    @property
    def client_resolvers(self) -> Sequence[ClientResolver]:
        """What the modules that are on correct in envelopes before the direction is known."""
        enabled = [loaded.module for loaded in self.modules if loaded.enabled]
        return [resolver for module in enabled for resolver in module.client_resolvers()]

    def open(
        self, *, resolver: PromptResolver | None = None, store: Store | None = None
    ) -> OpenApp:
        """Store, resolver and scanner for this process; they connect on first use.

        A resolver or store that is handed in stays its owner's, who closes it.
        """
        return OpenApp(self, resolver, store)


class OpenApp:
    """A configuration at work in one process: ``scanner`` scans, ``close`` ends everything."""

    def __init__(self, app: App, resolver: PromptResolver | None, store: Store | None) -> None:
        self.app = app
        self._own_resolver: DnsResolver | None = None
        self._own_store: Store | None = None
        if resolver is None:
            resolver = self._own_resolver = DnsResolver(
                app.resolver_settings, fake_records=app.fake_records
            )
        if store is None:
            app.config.state.mkdir(parents=True, exist_ok=True, mode=0o700)
            store = self._own_store = open_store(app.store_settings, folder=app.config.state)
        self.resolver = resolver
        self.store = store
        self.scanner = Scanner(
            planner=app.planner,
            engine=app.engine,
            registry=app.registry,
            actions=app.actions.table,
            settings=app.settings,
            resolver=resolver,
            store=store,
            is_local=app.is_local,
            client_resolvers=app.client_resolvers,
            options=scanner_options(app.options),
        )
        self._duties: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begins to watch maps, to keep the store tidy, and what modules do beside scanning."""
        loop = asyncio.get_running_loop()
        self._duties.add(loop.create_task(self.app.maps.watch(self.app.options.map_poll)))
        self._duties.add(loop.create_task(keep_house(self.store, owner_name())))
        for loaded in self.app.modules:
            if loaded.enabled:
                for duty in loaded.module.duties(self.resolver, self.store):
                    self._duties.add(loop.create_task(_on_duty(loaded.module.name, duty)))

    async def close(self) -> None:
        """Ends all background work and gives back connections."""
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, return_exceptions=True)
        if self._own_resolver is not None:
            await self._own_resolver.close()
        if self._own_store is not None:
            await self._own_store.close()


async def _on_duty(module: str, duty: Coroutine[Any, Any, None]) -> None:
    """A duty that fails ends, and the log says so; scanning goes on."""
    try:
        await duty
    except Exception:
        log.exception("what %s does beside scanning has failed", module)


def build(
    given: str | None = None,
    *,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    modules: Sequence[type[Module]] = ALL,
    template: bool = True,
) -> App:
    """The configuration that ``-c`` names (or the usual places), ready to be opened.

    Raises ``ConfigError`` with every mistake.
    """
    environment = os.environ if environment is None else environment
    path = find_configuration(given, environment)

    def read(modules: Iterable[type[Module]]) -> tuple[Configuration, Problems]:
        problems = Problems()
        config = load_configuration(
            path,
            modules=section_names(modules),
            problems=problems,
            overrides=overrides,
            environment=environment,
            template=template,
        )
        return config, problems

    config, problems = read(modules)
    extra = find_extra_modules(config, Problems())
    if extra:  # now it is known which sections there may be besides
        config, problems = read([*modules, *extra])
    return assemble(config, problems, modules)


def assemble(
    config: Configuration, problems: Problems, modules: Sequence[type[Module]] = ALL
) -> App:
    """Everything that can be decided from ``config``. Raises ``ConfigError``."""
    return _Assembly(config, problems).assemble([*modules, *find_extra_modules(config, problems)])


class _Assembly:
    def __init__(self, config: Configuration, problems: Problems) -> None:
        self.config = config
        self.problems = problems
        self.options = read_options(config, problems)
        self.maps_folder = config.folder / "maps.d" if config.folder is not None else None
        self.maps = MapLibrary(self.maps_folder, problems)
        self.is_local = self._local_test()

    def assemble(self, modules: Iterable[type[Module]]) -> App:
        config, problems, options = self.config, self.problems, self.options
        actions = read_actions(find_actions(config), problems)
        groups, configured = read_groups(config, problems)
        registry = SymbolRegistry(
            groups=groups,
            configured=configured,
            max_shots=options.max_shots,
            one_shot=options.one_shot,
            unknown_weight=actions.unknown_weight,
        )
        loaded = [self._load(module) for module in modules]
        checks = self._checks(loaded)
        self._register(registry, checks)
        engine = Engine(
            self._composites(registry, checks),
            task_timeout=options.task_timeout,
            soft_reject_on_timeout=options.soft_reject_on_timeout,
            check_all_filters=options.check_all_filters,
            grow_factor=actions.grow_factor,
        )
        resolver_settings, fake_records = read_dns(options, config.section("options"), problems)
        app = App(
            config=config,
            options=options,
            problems=problems,
            maps=self.maps,
            is_local=self.is_local,
            modules=loaded,
            registry=registry,
            actions=actions,
            planner=self._planner(checks, registry),
            engine=engine,
            settings=Settings(self._settings_rules(), registry),
            store_settings=read_redis(config, problems),
            resolver_settings=resolver_settings,
            fake_records=fake_records,
        )
        problems.raise_errors()
        return app

    def _local_test(self) -> Callable[[IPAddress], bool]:
        ours = self.maps.open(
            self.options.local_addrs or [],
            kind="radix",
            where=self.config.section("options").place("local_addrs"),
            name="options.local_addrs",
        )
        return local_test([] if ours is None else [ours.__contains__])

    def _load(self, module: type[Module]) -> Loaded:
        section = self.config.section(module.name)
        # What is switched off may be half-written: its mistakes hold nobody up.
        scratch = Problems()
        ignored = [key for key in MODULE_KEYS if key in section]
        options = bind(module.Options, section, module.name, scratch, ignored=ignored)
        wanted = module.name in self.options.explicit_modules or any(
            name in self.config for name in (module.name, *module.older_sections)
        )
        if not wanted or not options.enabled or options.disabled:
            return Loaded(module(options, self._setup(module, section, scratch)), False)
        for problem in scratch.errors:
            self.problems.error(problem.where, problem.message)
        own = {*module.Options.__struct_fields__, *getattr(module.Options, "aliases", ())}
        for key in ignored:
            if key not in own:
                message = "ignored: all modules keep their state where `redis.conf` says"
                self.problems.warning(section.place(key), f"{module.name}.{key}: {message}")
        instance = module(options, self._setup(module, section, self.problems))
        return Loaded(instance, instance.ready())

    def _setup(self, module: type[Module], section: Object, problems: Problems) -> Setup:
        mine = problems is self.problems
        return Setup(
            name=module.name,
            core=self.options,
            problems=problems,
            maps=self.maps if mine else MapLibrary(self.maps_folder, problems),
            section=section,
            config=self.config,
            is_local=self.is_local,
        )

    def _checks(self, loaded: Iterable[Loaded]) -> list[Check]:
        """The checks of all modules that are on; of two of one name the later is a mistake."""
        found: dict[str, Check] = {}
        for check in (check for one in loaded if one.enabled for check in one.module.checks()):
            first = found.setdefault(check.callback, check)
            if first is not check:
                owners = [c.module.name if c.module else c.group for c in (first, check)]
                message = f"{check.callback} is a check of {owners[0]} and of {owners[1]}"
                self.problems.error(check.where or first.where, message)
        return list(found.values())

    def _register(self, registry: SymbolRegistry, checks: Sequence[Check]) -> None:
        registry.add(GTUBE, check=GTUBE.name, group="gtube")
        written = {check.callback: check.where for check in checks}
        for check in checks:
            for symbol in check.symbols:
                try:
                    registry.add(symbol, check=check.callback, group=check.group)
                except DeclarationError as error:
                    first = registry.symbols[symbol.name].check
                    self.problems.error(check.where or written.get(first), str(error))

    def _composites(self, registry: SymbolRegistry, checks: Iterable[Check]) -> Composites:
        unknown = registry.unknown_weight
        found = read_composites(self.config, self.problems, unknown_weight=unknown)
        for one in found:
            try:
                registry.add(one.symbol, check=one.symbol.name, group="composite")
            except DeclarationError as error:
                self.problems.error(None, f"composites.{one.symbol.name}: {error}")
        late = {s.name for c in checks if c.stage is Stage.POSTFILTER for s in c.symbols}
        return Composites([one.composite for one in found], registry, late)

    def _planner(self, checks: Sequence[Check], registry: SymbolRegistry) -> Planner:
        try:
            return Planner(checks, registry)
        except DeclarationError as error:
            self.problems.error(None, str(error))
            return Planner((), registry)

    def _settings_rules(self) -> list[SettingsRule]:
        value = self.config.tree.get("settings")
        if isinstance(value, str):
            where = self.config.tree.place("settings")
            self.problems.warning(where, f"settings: maps by URL ({value}) are not read yet")
            return []
        return read_rules(self.config.section("settings"), self.maps, self.problems)
