# SPDX-License-Identifier: Apache-2.0
"""The ``apply`` body of settings: from what is written to ``Applied``.

Direct scores (``BAYES_SPAM = 8.0``) become ``scores`` when they are read, so they survive
merging. Source: core reference §5.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Any, cast

from gatepost.config import Problems
from gatepost.scan.actions import action_name
from gatepost.scan.applied import NO_SWITCHES, Applied, InsertedSymbol, Policy, Switches
from gatepost.ucl import Array, Object, Value, to_plain

APPLY_KEYS = (
    "actions",
    "add_headers",
    "flags",
    "groups_disabled",
    "groups_enabled",
    "messages",
    "plugins",
    "policy",
    "remove_headers",
    "scores",
    "subject",
    "symbols",
    "symbols_disabled",
    "symbols_enabled",
    "variables",
    "want_spam",
    "whitelist",
)

MAX_ENTRIES = 256
"""Names of each kind that one request may send: they are kept in caches, and are anybody's."""


def read_apply(body: Object, path: str, problems: Problems, *, by_id: bool) -> Applied:
    """Reads an apply body. Mistakes are collected in ``problems``, the rest still applies.

    ``by_id`` is true for a rule of the configuration, false for a request's own settings.
    """
    limit = 1_000_000 if by_id else MAX_ENTRIES
    return _Reader(body, path, problems, limit).read(by_id)


class _Reader:
    def __init__(self, body: Object, path: str, problems: Problems, limit: int) -> None:
        default = body.get("default")
        self.body = default if isinstance(default, Object) else body
        self.path = path
        self.problems = problems
        self.limit = limit

    def read(self, by_id: bool) -> Applied:
        scores = dict(self._direct_scores())
        scores.update(self._numbers("scores"))
        enabled = self._enabled(scores)
        switches = Switches(
            symbols_enabled=enabled,
            groups_enabled=self._set("groups_enabled"),
            symbols_disabled=self._set("symbols_disabled") or frozenset(),
            groups_disabled=self._set("groups_disabled") or frozenset(),
            policy=self._policy(),
            by_id=by_id,
        )
        subject = self.body.get("subject")
        return Applied(
            switches=NO_SWITCHES if switches == Switches(by_id=by_id) else switches,
            scores=scores,
            actions=self._actions(),
            symbols=tuple(self._inserted()),
            subject=None if subject is None else self._text("subject", subject),
            add_headers=self._plain("add_headers"),
            remove_headers=self._removed_headers(),
            flags=frozenset(flag.lower() for flag in self._strings("flags")),
            messages=self._texts("messages"),
            variables=self._texts("variables"),
            plugins=self._plain("plugins"),
            # As in Rspamd: the mere presence skips the message, whatever the value.
            whitelist="whitelist" in self.body or "want_spam" in self.body,
        )

    def _direct_scores(self) -> Iterable[tuple[str, float]]:
        direct = [item for item in self.body.items() if item[0] not in APPLY_KEYS]
        if len(direct) > self.limit:
            self._too_many("scores")
        for key, value in direct[: self.limit]:
            number = _number(value)
            if number is None:
                self._unknown(key)
            elif key.lower() in APPLY_KEYS:
                self._error(key, f"write `{key.lower()}` in lower case")
            else:
                yield key, number

    def _unknown(self, key: str) -> None:
        """A slip of the pen stops the start; keys for somebody's Lua script are let pass."""
        near = get_close_matches(key, APPLY_KEYS, 1)
        if near:
            message = f"expected a number (the score of a symbol); did you mean `{near[0]}`?"
            self._error(key, message)
            return
        place, path = self.body.place(key), f"{self.path}.{key}"
        self.problems.warning(place, f"{path}: neither a key of settings nor a score, ignored")

    def _enabled(self, scores: dict[str, float]) -> frozenset[str] | None:
        value = self.body.get("symbols_enabled")
        if isinstance(value, dict):  # a map also gives scores
            scores.update(self._numbers("symbols_enabled"))
            return frozenset(self._object("symbols_enabled"))
        return self._set("symbols_enabled")

    def _set(self, key: str) -> frozenset[str] | None:
        return None if self.body.get(key) is None else frozenset(self._strings(key))

    def _strings(self, key: str) -> list[str]:
        value = self.body.get(key)
        if value is None:
            return []
        items = value if isinstance(value, list) else [value]
        if len(items) > self.limit:
            self._too_many(key)
        names: list[str] = []
        for item in items[: self.limit]:
            if isinstance(item, str):
                names.append(item)
            else:
                self._error(key, f"expected a list of names, found {_shown(item)}")
        return names

    def _texts(self, key: str) -> dict[str, str]:
        return {name: self._text(f"{key}.{name}", v) for name, v in self._object(key).items()}

    def _text(self, key: str, value: Value) -> str:
        if isinstance(value, dict | list) or value is None:
            self._error(key, f"expected text, found {_shown(value)}")
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _numbers(self, key: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, value in self._object(key).items():
            number = _number(value)
            if number is None:
                self._error(key, f"{name}: expected a number, found {_shown(value)}")
            else:
                found[name] = number
        return found

    def _actions(self) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for name, value in self._object("actions").items():
            if isinstance(value, dict):
                value = value.get("score", value.get("threshold"))
            number = math.nan if _is_nan(value) else _number(value)
            if value is not None and number is None:
                message = f"{name}: expected a number, null or nan, found {_shown(value)}"
                self._error("actions", message)
                continue
            found[action_name(name)] = number
        return found

    def _inserted(self) -> Iterable[InsertedSymbol]:
        value = self.body.get("symbols")
        if value is None:
            return
        if not isinstance(value, dict):
            for name in self._strings("symbols"):
                yield InsertedSymbol(name)
            return
        for name, entry in self._object("symbols").items():
            weight = entry
            options: tuple[str, ...] = ()
            if isinstance(entry, dict):
                weight = entry.get("score", entry.get("weight", 1.0))
                given = entry.get("options")
                listed = given if isinstance(given, list) else [given] if given else []
                options = tuple(self._text(f"symbols.{name}", o) for o in listed[: self.limit])
            number = _number(weight)
            if number is None:
                self._error("symbols", f"{name}: expected a weight, found {_shown(weight)}")
            else:
                yield InsertedSymbol(name, number, options)

    def _removed_headers(self) -> dict[str, object]:
        value = self.body.get("remove_headers")
        if isinstance(value, dict):
            return self._plain("remove_headers")
        return dict.fromkeys(self._strings("remove_headers"), 0)

    def _policy(self) -> Policy:
        value = self.body.get("policy", "default")
        if value not in ("default", "implicit_deny", "implicit_allow"):
            self._error(
                "policy", f"expected default, implicit_deny or implicit_allow, not {_shown(value)}"
            )
            return "default"
        return cast(Policy, value)

    def _object(self, key: str) -> dict[str, Value]:
        """A section; of one that was written twice, the later keys win."""
        value = self.body.get(key)
        parts = value if isinstance(value, Array) and value.implicit else [value]
        found: dict[str, Value] = {}
        for part in parts:
            if isinstance(part, dict):
                found.update(islice(part.items(), self.limit + 1))
            elif part is not None:
                self._error(key, f"expected an object {{ … }}, found {_shown(part)}")
        if len(found) > self.limit:
            self._too_many(key)
            found = dict(islice(found.items(), self.limit))
        return found

    def _plain(self, key: str) -> dict[str, Any]:
        return {name: to_plain(value) for name, value in self._object(key).items()}

    def _too_many(self, key: str) -> None:
        self._error(key, f"more than {self.limit} entries, the rest is left out")

    def _error(self, key: str, message: str) -> None:
        place = self.body.place(key.partition(".")[0])
        self.problems.error(place, f"{self.path}.{key}: {message}")


def _number(value: object) -> float | None:
    """A finite number, written as such or in quotes."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_nan(value: object) -> bool:
    return (isinstance(value, str) and value.lower() == "nan") or value != value


def _shown(value: object) -> str:
    text = str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"
