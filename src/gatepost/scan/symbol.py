# SPDX-License-Identifier: Apache-2.0
"""A named finding: the symbol as declared, the hit that a check yields, the registry.

A symbol is declared once, with its score and one sentence; calling it makes a hit.
The registry joins what modules declare with what the configuration says of groups and
scores; the result looks every hit up in it.

Source: core reference §3.1 (flags) and §3.3 (scores, groups).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf

from gatepost.scan.errors import DeclarationError


class Hit:
    """One finding in one message: a symbol's name, its weight and its options."""

    __slots__ = ("name", "options", "weight")

    def __init__(self, name: str, options: tuple[str, ...] = (), weight: float = 1.0) -> None:
        self.name = name
        self.options = options
        self.weight = weight

    def __repr__(self) -> str:
        return f"Hit({self.name!r}, {self.options!r}, weight={self.weight})"


@dataclass(frozen=True)
class Symbol:
    """A symbol that a module may insert.

    ``option`` names the module option that renames it (an option set to nothing switches
    it off). ``fine``: the check runs even after a pre-result. ``one_shot``: counts once.
    ``any_shot``: counts without limit. ``one_param``: keeps one option. ``ignore``: never weighs.
    """

    name: str
    score: float = 0.0
    description: str = ""
    group: str | None = None
    groups: tuple[str, ...] = ()
    option: str | None = None
    one_shot: bool = False
    any_shot: bool = False
    one_param: bool = False
    fine: bool = False
    nostat: bool = False
    ignore: bool = False
    explicit_enable: bool = False

    def __call__(self, *options: str, weight: float = 1.0) -> Hit:
        """A hit of this symbol; the score that counts is ``score`` times ``weight``."""
        return Hit(self.name, options, weight)

    def __bool__(self) -> bool:
        """False when an option of the module switched the symbol off."""
        return bool(self.name)

    def renamed(self, name: str | None) -> Symbol:
        """The same symbol under the name that the configuration gives it."""
        return replace(self, name=name or "")


@dataclass
class Group:
    """A group of symbols; ``max_score`` caps what they add, ``min_score`` what they take."""

    name: str
    description: str = ""
    max_score: float = inf
    min_score: float = -inf
    one_shot: bool = False
    enabled: bool = True
    public: bool = False
    members: set[str] = field(default_factory=set)

    @property
    def capped(self) -> bool:
        """True when a sum has to be kept for this group."""
        return self.max_score != inf or self.min_score != -inf


@dataclass
class Registered:
    """A symbol as the result needs it: the score in force, its limits, its groups.

    ``shots`` is how many insertions count (``inf``: all). ``check`` names the check that
    inserts it, the parent that settings resolve a virtual symbol to.
    """

    name: str
    score: float
    shots: float
    groups: tuple[Group, ...]
    description: str
    check: str
    one_param: bool
    fine: bool
    nostat: bool
    explicit_enable: bool
    enabled: bool = True
    capped: tuple[Group, ...] = ()


@dataclass
class SymbolConfig:
    """What the configuration says of one symbol; ``None`` keeps what the module declared."""

    score: float | None = None
    description: str | None = None
    groups: tuple[str, ...] = ()
    one_shot: bool | None = None
    any_shot: bool | None = None
    one_param: bool | None = None
    ignore: bool | None = None
    shots: int | None = None
    enabled: bool | None = None


class SymbolRegistry:
    """Every symbol and group of one configuration. Built once, read-only while scanning.

    ``max_shots`` and ``one_shot`` are the global limits of ``options``; ``unknown_weight``
    is the score of a symbol that nobody declared.
    """

    def __init__(
        self,
        *,
        groups: Iterable[Group] = (),
        configured: Mapping[str, SymbolConfig] | None = None,
        max_shots: int = 100,
        one_shot: bool = False,
        unknown_weight: float = 0.0,
    ) -> None:
        self.groups: dict[str, Group] = {group.name: group for group in groups}
        self.symbols: dict[str, Registered] = {}
        self.unknown_weight = unknown_weight
        self._configured = dict(configured or {})
        self._max_shots = max_shots
        self._one_shot = one_shot

    def add(self, symbol: Symbol, *, check: str, group: str) -> Registered:
        """Registers a declared symbol. ``check`` is its parent, ``group`` its module's group.

        Raises ``DeclarationError`` when another check already owns the name.
        """
        known = self.symbols.get(symbol.name)
        if known is not None and known.check != check:
            raise DeclarationError(
                f"symbol {symbol.name} is declared by {known.check} and by {check}"
            )
        config = self._configured.get(symbol.name, SymbolConfig())
        names = [symbol.group or group, *symbol.groups, *config.groups]
        groups = tuple(self.group(name) for name in dict.fromkeys(name for name in names if name))
        for member_of in groups:
            member_of.members.add(symbol.name)
        score = symbol.score if config.score is None else config.score
        ignore = symbol.ignore if config.ignore is None else config.ignore
        registered = Registered(
            name=symbol.name,
            score=0.0 if ignore else score,
            shots=self._shots(symbol, config, groups),
            groups=groups,
            description=symbol.description if config.description is None else config.description,
            check=check,
            one_param=symbol.one_param if config.one_param is None else config.one_param,
            fine=symbol.fine or score < 0,
            nostat=symbol.nostat,
            explicit_enable=symbol.explicit_enable,
            enabled=config.enabled is not False and all(group.enabled for group in groups[:1]),
            capped=tuple(group for group in groups if group.capped),
        )
        self.symbols[symbol.name] = registered
        return registered

    def group(self, name: str) -> Group:
        """The group of this name, made when nobody configured it."""
        if name not in self.groups:
            self.groups[name] = Group(name)
        return self.groups[name]

    def get(self, name: str) -> Registered:
        """The registered symbol; an unknown one gets ``unknown_weight`` and is not kept."""
        found = self.symbols.get(name)
        return found if found is not None else self.unregistered(name)

    def unregistered(self, name: str) -> Registered:
        """A stand-in for a symbol nobody declared; what the configuration scores, scores."""
        config = self._configured.get(name, SymbolConfig())
        groups = tuple(self.group(group) for group in config.groups)
        return Registered(
            name=name,
            score=self.unknown_weight if config.score is None else config.score,
            shots=self._shots(Symbol(name), config, groups),
            groups=groups,
            description=config.description or "",
            check="",
            one_param=bool(config.one_param),
            fine=False,
            nostat=False,
            explicit_enable=False,
            enabled=config.enabled is not False,
            capped=tuple(group for group in groups if group.capped),
        )

    def is_known(self, name: str) -> bool:
        """True when a module declared the symbol or the configuration scores it."""
        config = self._configured.get(name)
        return name in self.symbols or (config is not None and config.score is not None)

    def _shots(self, symbol: Symbol, config: SymbolConfig, groups: Iterable[Group]) -> float:
        any_shot = symbol.any_shot if config.any_shot is None else config.any_shot
        # What the configuration says of any number of shots goes before the declaration.
        declared = symbol.one_shot and not config.any_shot and config.shots is None
        one_shot = declared if config.one_shot is None else config.one_shot
        if one_shot or (not any_shot and (self._one_shot or any(g.one_shot for g in groups))):
            return 1
        if any_shot:
            return inf
        return config.shots if config.shots is not None else self._max_shots
