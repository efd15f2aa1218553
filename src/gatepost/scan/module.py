# SPDX-License-Identifier: Apache-2.0
"""What a module declares, and what the plan reads of it.

A module is one class in one file: its name, group and direction policy, its symbols,
its ``Options``, and its checks, marked with ``@runs``. Declaring a class changes nothing
elsewhere: nothing registers itself, ``app.py`` makes the instances.

A check is one of three kinds, told apart once when the plan is compiled:
a plain function or generator (no I/O, called in line), a coroutine, or an
asynchronous generator (both may wait). Generators yield hits; what was yielded
before a deadline counts.

Source: DESIGN §4; stages and flags are core reference §3.1.
"""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar, TypeVar

import msgspec

from gatepost.config import Bytes, Fraction, Raw, Score, Seconds
from gatepost.mail import Message
from gatepost.net import Resolver
from gatepost.scan.direction import (
    RUN,
    SWITCHES,
    Adapt,
    Direction,
    DirectionPolicy,
    Ruling,
    RunAlways,
    Skip,
)
from gatepost.scan.envelope import Envelope
from gatepost.scan.errors import DeclarationError
from gatepost.scan.setup import Setup
from gatepost.scan.symbol import Hit, Symbol
from gatepost.store import Store
from gatepost.ucl import Where

__all__ = [
    "Adapt",
    "Bytes",
    "Check",
    "ClientResolver",
    "Direction",
    "Fraction",
    "Hit",
    "Hits",
    "Module",
    "ModuleOptions",
    "PlainHits",
    "Raw",
    "Ruling",
    "RunAlways",
    "Score",
    "Seconds",
    "Setup",
    "Skip",
    "Stage",
    "Symbol",
    "runs",
    "section_names",
]

Hits = AsyncIterator[Hit]
PlainHits = Iterator[Hit]
ClientResolver = Callable[[Envelope, Message], None]
"""May give the envelope another client by what the message says of its way. Does not raise."""
F = TypeVar("F", bound=Callable[..., Any])


class Stage(IntEnum):
    """When a check runs; inside pre-, post- and idempotent stages priority decides."""

    PREFILTER = 1
    FILTER = 2
    CLASSIFIER = 3
    POSTFILTER = 4
    IDEMPOTENT = 5


class ModuleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a module. The base has those that every section takes."""

    enabled: bool = True
    disabled: bool = False


@dataclass(frozen=True)
class Check:
    """One check, bound to its module.

    ``callback`` is Rspamd's name for it: what settings, ``explain`` and metrics call it.
    ``after`` names checks that must have finished; ``requires`` ones that, in addition, must
    not be disabled. ``empty`` checks run for a message without a body.
    ``fine`` checks run even after a pre-result or a score over the limit,
    ``ignore_passthrough`` ones after a pre-result.
    ``explicit_disable`` checks survive settings that enable others by name;
    ``explicit_enable`` ones run only where settings name them.
    ``any_direction`` checks do not follow the module's direction policy, those with a ``ruling``
    of their own follow that one.
    ``timeout`` (seconds) is the check's own deadline, 0 for the task's. ``where`` is the place
    in the configuration that made the check, for one that the postmaster wrote.
    """

    callback: str
    stage: Stage
    function: Callable[[Any], Any]
    module: Module | None = None
    priority: int = 0
    after: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    symbols: tuple[Symbol, ...] = ()
    group: str = ""
    timeout: float = 0.0
    fine: bool = False
    ignore_passthrough: bool = False
    explicit_disable: bool = False
    explicit_enable: bool = False
    empty: bool = False
    any_direction: bool = False
    ruling: Callable[[Direction], Ruling] | None = None
    where: Where | None = None
    waits: bool = field(init=False)
    yields: bool = field(init=False)

    def rule(self, direction: Direction) -> Ruling:
        """Whether the check runs for this direction: its own ruling, else its module's."""
        if self.any_direction or self.module is None:
            return RUN
        return (self.ruling or self.module.ruling)(direction)

    def __post_init__(self) -> None:
        function = self.function
        if not inspect.isroutine(function):  # an object that is called, a partial
            function = getattr(function, "func", type(function).__call__)
        generator = inspect.isasyncgenfunction(function)
        object.__setattr__(self, "yields", generator)
        object.__setattr__(self, "waits", generator or inspect.iscoroutinefunction(function))


def runs(
    stage: Stage,
    *,
    callback: str,
    after: tuple[str, ...] = (),
    requires: tuple[str, ...] = (),
    priority: int = 0,
    timeout: float = 0.0,
    fine: bool = False,
    ignore_passthrough: bool = False,
    explicit_disable: bool = False,
    explicit_enable: bool = False,
    empty: bool = False,
    any_direction: bool = False,
    symbols: tuple[Symbol, ...] = (),
) -> Callable[[F], F]:
    """Marks a method of a module as a check; the arguments are the fields of ``Check``.

    ``symbols`` are needed where a module has several checks: those that this one inserts.
    """
    declared = {
        "stage": stage,
        "callback": callback,
        "after": after,
        "requires": requires,
        "priority": priority,
        "timeout": timeout,
        "fine": fine,
        "ignore_passthrough": ignore_passthrough,
        "explicit_disable": explicit_disable,
        "explicit_enable": explicit_enable,
        "empty": empty,
        "any_direction": any_direction,
        "symbols": symbols,
    }

    def mark(function: F) -> F:
        function.__dict__["runs"] = declared
        return function

    return mark


class Module:
    """The base of every module. Subclasses must declare ``name``, ``group`` and ``outbound``.

    ``older_sections`` are sections of the configuration that the module reads as well.
    """

    name: ClassVar[str]
    group: ClassVar[str]
    outbound: ClassVar[DirectionPolicy]
    older_sections: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[ModuleOptions]] = ModuleOptions

    options: ModuleOptions

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for attribute in ("name", "group", "outbound"):
            if not hasattr(cls, attribute):
                raise DeclarationError(f"{cls.__name__} does not declare `{attribute}`")
        unknown = set(cls.outbound.override) - set(SWITCHES)
        if isinstance(cls.outbound, Skip) and unknown:
            raise DeclarationError(f"{cls.__name__}: Skip knows no override {sorted(unknown)}")
        cls.Options = _with_switches(cls.Options, _switches_of(cls.outbound))

    def __init__(self, options: ModuleOptions, setup: Setup) -> None:
        """``options`` are bound and checked; ``setup`` opens maps and compiles selectors."""
        self.options = options
        self.setup = setup
        for attribute, symbol in self._declared_symbols().items():
            if symbol.option is not None:
                self.__dict__[attribute] = symbol.renamed(getattr(options, symbol.option))
        self.prepare(setup)

    def prepare(self, setup: Setup) -> None:
        """Makes what the checks need of the options: maps, selectors, tables. Runs once."""

    def ready(self) -> bool:
        """False when the module is configured so that it has nothing to do."""
        return True

    def symbols(self) -> Sequence[Symbol]:
        """The symbols this instance may insert, under the names the configuration gives."""
        found = (getattr(self, attribute) for attribute in self._declared_symbols())
        return [symbol for symbol in found if symbol]

    def checks(self) -> Sequence[Check]:
        """The checks of this instance: the marked methods, in the order written.

        The module's symbols belong to the first that names none of its own.
        """
        marked = self._marked()
        named = [self._own(declared["symbols"]) for _, declared in marked]
        taken = {symbol.name for symbols in named for symbol in symbols}
        others = tuple(symbol for symbol in self.symbols() if symbol.name not in taken)
        checks: list[Check] = []
        for (attribute, declared), symbols in zip(marked, named, strict=True):
            if not declared["symbols"]:
                symbols, others = others, ()
            checks.append(
                Check(
                    function=getattr(self, attribute),
                    module=self,
                    group=self.group,
                    **{**declared, "symbols": symbols},
                )
            )
        return checks

    def _own(self, declared: Sequence[Symbol]) -> tuple[Symbol, ...]:
        """Symbols of the class as the configuration names them, without those it switched off."""
        attributes = [name for name, one in self._declared_symbols().items() if one in declared]
        found = (getattr(self, attribute) for attribute in attributes)
        return tuple(symbol for symbol in found if symbol)

    def duties(self, resolver: Resolver, store: Store) -> Iterable[Coroutine[Any, Any, None]]:
        """What the module does beside scanning, in every process that scans, until cancelled."""
        return ()

    def client_resolvers(self) -> Sequence[ClientResolver]:
        """Functions that correct who the client is, before the direction is known."""
        return ()

    def ruling(self, direction: Direction) -> Ruling:
        """What the policy decides for ``direction`` under the loaded configuration."""
        return self.outbound.ruling(direction, self.switches())

    def switches(self) -> Mapping[str, bool]:
        """The value in force of each override option: the module's own, else ``options.*``."""
        values: dict[str, bool] = {}
        for option in _switches_of(self.outbound):
            own = getattr(self.options, option)
            values[option] = bool(getattr(self.setup.core, option)) if own is None else own
        return values

    @classmethod
    def _declared_symbols(cls) -> dict[str, Symbol]:
        found: dict[str, Symbol] = {}
        for owner in reversed(cls.__mro__):
            found.update((k, v) for k, v in vars(owner).items() if isinstance(v, Symbol))
        return found

    @classmethod
    def _marked(cls) -> list[tuple[str, dict[str, Any]]]:
        found: dict[str, dict[str, Any]] = {}
        for owner in reversed(cls.__mro__):
            for attribute, value in vars(owner).items():
                declared = getattr(value, "__dict__", {}).get("runs")
                if declared is not None:
                    found[attribute] = declared
        return list(found.items())


def section_names(modules: Iterable[type[Module]]) -> list[str]:
    """The sections of the configuration that these modules read."""
    return [name for module in modules for name in (module.name, *module.older_sections)]


def _switches_of(policy: DirectionPolicy) -> tuple[str, ...]:
    return tuple(name for name in policy.override if name in SWITCHES)


def _with_switches(options: type[ModuleOptions], names: tuple[str, ...]) -> type[ModuleOptions]:
    """``options`` with a ``bool | None = None`` field for each override it does not declare."""
    missing = [name for name in names if name not in options.__struct_fields__]
    if not missing:
        return options
    fields = [(name, bool | None, None) for name in missing]
    extended: type[ModuleOptions] = msgspec.defstruct(  # type: ignore[assignment]  # of `bases` it tells nothing
        options.__name__,
        fields,
        bases=(options,),
        frozen=True,
        kw_only=True,
        module=options.__module__,
    )
    return extended
