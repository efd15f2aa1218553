# SPDX-License-Identifier: Apache-2.0
"""The section ``rates``: from what is written to limits that the check only has to fill in.

A rate is a name, one or more buckets, where its keys come from (the words of its name, or a
selector), and perhaps a map of those who have other buckets.

Source: direction-modules reference §15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from gatepost.config import Problems, bind
from gatepost.modules.ratelimit.keywords import Keyword
from gatepost.modules.ratelimit.limits import (
    BucketOptions,
    Factors,
    Limit,
    key_prefix,
    parse_burst,
    parse_rate,
)
from gatepost.modules.ratelimit.own_limits import OwnLimits
from gatepost.scan.errors import ExpressionError
from gatepost.scan.maps import MapLibrary
from gatepost.scan.selector_syntax import parse_calls
from gatepost.scan.selectors import parse_selector
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import hashed, to_bytes
from gatepost.ucl import Array, Object, Value, Where

MAX_KEYS = 1024
"""Buckets of one rate that one message may fill: a selector over recipients gives one for each."""
EXPECTED_BURST = "messages, more than 0, such as 100 or 10k"
EXPECTED_RATE = 'messages in a time, such as "10 / 1m", or messages a second'


class Rate(msgspec.Struct, frozen=True):
    """One rate: ``values`` gives for a message the keys of its buckets, none if it has none."""

    name: str
    limits: tuple[Limit, ...]
    values: Callable[[Task], Sequence[str]]
    uses_user: bool
    own: OwnLimits | None = None

    def buckets(self, task: Task, prefix: str) -> Iterator[tuple[Limit, str]]:
        """What limits the message, each with the name under which it is stored."""
        values = self.values(task)
        if self.own is None or not values:
            for limit in self.limits:
                for key in self.keys(limit, values, prefix):
                    yield limit, key
            return
        user = task.user if self.uses_user else None
        for value in dict.fromkeys(values):
            own = self.own.of(value, user, task)
            for limit in self.limits if own is None else own:
                for key in self.keys(limit, (value,), prefix):
                    yield limit, key

    def keys(self, limit: Limit, values: Iterable[str], prefix: str) -> list[str]:
        """The names under which ``limit`` is stored for these values, as Rspamd has them."""
        raw = (f"{limit.prefix}{value}" for value in dict.fromkeys(values))
        return [prefix + hashed(key, min(24, len(to_bytes(key)))) for key in raw]


class Keys(NamedTuple):
    """Where the keys of a rate come from, and whether the user is among it."""

    values: Callable[[Task], Sequence[str]]
    of_user: bool


class Written(NamedTuple):
    """One bucket as written, and where its burst and its rate stand."""

    options: BucketOptions
    burst: Where
    rate: Where


class RateReader:
    """Reads all rates; mistakes go to ``problems`` with their place."""

    def __init__(
        self,
        words: Mapping[str, Keyword],
        defaults: Factors,
        problems: Problems,
        maps: MapLibrary,
        *,
        dynamic: bool,
    ) -> None:
        """``defaults`` are the module's own factors, in force with ``dynamic`` or where a bucket
        gives one of its own; ``maps`` are those that selectors may name."""
        self.words = words
        self.defaults = defaults
        self.problems = problems
        self.maps = maps
        self.dynamic = dynamic

    def read(self, section: Value, where: Object) -> list[Rate]:
        """The rates of ``section`` (the value of ``rates``), in the order written."""
        if section is None:
            return []
        if not isinstance(section, Object):
            self.problems.error(where.place("rates"), "ratelimit.rates: expected a section { … }")
            return []
        found = (self._rate(name, value, section) for name, value in section.items())
        return [rate for rate in found if rate is not None]

    def _rate(self, name: str, value: Value, section: Object) -> Rate | None:
        path, where = f"ratelimit.rates.{name}", section.place(name)
        selector: Value = None
        own: Value = None
        own_where = where
        if isinstance(value, Object) and "bucket" in value:
            for key in value:
                if key not in ("bucket", "selector", "limits"):
                    message = f"{path}.{key}: expected `bucket`, `selector` or `limits`"
                    self.problems.error(value.place(key), message)
            own, own_where = value.get("limits"), value.place("limits")
            selector, where = value.get("selector"), value.place("selector")
            value = value["bucket"]
        by_selector = selector is not None
        if by_selector:
            keys = self._selector(str(selector), path, where)
        else:
            keys = self._words(name, path, where)
        limits = tuple(self._limits(self._buckets(value, path, where), path, by_selector))
        if keys is None or not limits:
            return None
        of_user = keys.of_user or any(self._is_of_user(word) for word in name.split("_"))
        found = None if own is None else self._own_limits(own, path, own_where, limits, by_selector)
        return Rate(name, limits, keys.values, of_user, found)

    def _own_limits(
        self, given: Value, path: str, where: Where, usual: Sequence[Limit], by_selector: bool
    ) -> OwnLimits | None:
        opened = self.maps.open(given, kind="hash", where=where, name=f"{path}.limits")
        if opened is None:
            return None
        own = OwnLimits(opened, usual, with_rate=by_selector)
        for message in own.mistakes():
            self.problems.error(where, f"{path}.limits: {message}")
        return own

    def _selector(self, text: str, path: str, where: Where) -> Keys | None:
        try:
            selector = parse_selector(text, delimiter=":", maps=self.maps)
        except ExpressionError as error:
            self.problems.error(where, f"{path}.selector: {error}")
            return None
        of_user = any(part[0].name == "user" for part in parse_calls(text))
        return Keys(lambda task: selector.values(task)[:MAX_KEYS], of_user)

    def _words(self, name: str, path: str, where: Where) -> Keys | None:
        words = name.split("_")
        unknown = next((word for word in words if word not in self.words), None)
        if unknown is not None:
            known = ", ".join(sorted(self.words))
            expected = f"a `selector`, or a name of some of {known} joined by `_`"
            self.problems.error(where, f"{path}: `{unknown}` is no keyword; expected {expected}")
            return None
        return Keys(_joined([self.words[word] for word in words]), False)

    def _is_of_user(self, word: str) -> bool:
        """A keyword of the postmaster's own may say that it is one of the user."""
        return word == "user" or getattr(self.words.get(word), "uses_user", False) is True

    def _buckets(self, value: Value, path: str, where: Where) -> list[Written]:
        if isinstance(value, str):
            # the old form "N / T": N in T seconds, all of them at once if need be
            if parse_rate(value) is None:
                self._expected(where, path, EXPECTED_RATE, value)
                return []
            return [Written(BucketOptions(burst=value.partition("/")[0], rate=value), where, where)]
        items = list(value) if isinstance(value, Array) else [value]
        numbers = [item for item in items if isinstance(item, int | float)]
        if len(numbers) == len(items) == 2:  # the old form [burst, rate]
            options = BucketOptions(burst=float(numbers[0]), rate=float(numbers[1]))
            return [Written(options, where, where)]
        objects = [item for item in items if isinstance(item, Object)]
        if not objects or len(objects) < len(items):
            expected = 'bucket { burst = 100; rate = "10 / 1m"; } or a list of buckets'
            self.problems.error(where, f"{path}: expected {expected}")
            return []
        return [
            Written(
                bind(BucketOptions, item, f"{path}.bucket", self.problems),
                item.place("burst"),
                item.place("rate"),
            )
            for item in objects
        ]

    def _limits(self, buckets: Sequence[Written], path: str, by_rate: bool) -> Iterable[Limit]:
        taken: set[str] = set()
        for options, burst_place, rate_place in buckets:
            burst, rate = parse_burst(options.burst), parse_rate(options.rate)
            if burst is None:
                self._expected(burst_place, f"{path}.burst", EXPECTED_BURST, options.burst)
            if rate is None:
                self._expected(rate_place, f"{path}.rate", EXPECTED_RATE, options.rate)
            if burst is None or rate is None:
                continue
            prefix = key_prefix(burst, rate, taken, with_rate=by_rate)
            taken.add(prefix)
            factors, dynamic = self._factors(options)
            yield Limit(burst, rate, prefix, options, dynamic, factors)

    def _expected(self, where: Where, path: str, expected: str, found: object) -> None:
        shown = "nothing" if found is None else f"`{found}`"
        self.problems.error(where, f"{path}: expected {expected}, found {shown}")

    def _factors(self, options: BucketOptions) -> tuple[Factors, bool]:
        own = (
            options.ham_factor_rate,
            options.spam_factor_rate,
            options.ham_factor_burst,
            options.spam_factor_burst,
        )
        dynamic = self.dynamic or any(factor is not None for factor in own)
        base = self.defaults
        # A bucket with one factor of its own has 1 for the others, unless all are dynamic.
        fallback = base if self.dynamic else Factors()
        factors = Factors(
            ham_rate=options.ham_factor_rate or fallback.ham_rate,
            spam_rate=options.spam_factor_rate or fallback.spam_rate,
            ham_burst=options.ham_factor_burst or fallback.ham_burst,
            spam_burst=options.spam_factor_burst or fallback.spam_burst,
            max_rate=options.max_rate_mult or base.max_rate,
            max_burst=options.max_bucket_mult or base.max_burst,
        )
        return factors, dynamic


def _joined(parts: Sequence[Keyword]) -> Callable[[Task], Sequence[str]]:
    def values(task: Task) -> Sequence[str]:
        found: list[str] = []
        for part in parts:
            value = part(task)
            if value is None:
                return ()
            found.append(value)
        return (":".join(found),)

    return values
