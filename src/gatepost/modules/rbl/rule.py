# SPDX-License-Identifier: Apache-2.0
"""One rule: what it asks its list about a message, and what the answers mean.

All questions of a rule are begun at once. Those whose answers are known cost no more than a
look into a table; one wait serves the others, and each answer counts as it comes.

Source: direction-modules reference §16.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

from gatepost.modules.rbl.codes import Codes
from gatepost.modules.rbl.hashing import hashing_of
from gatepost.modules.rbl.monitoring import ZoneHealth
from gatepost.modules.rbl.options import RuleOptions
from gatepost.modules.rbl.values import MAX_ASKED, Source, Value, value_of_address
from gatepost.net import Answer, RecordType, answer_of
from gatepost.scan.direction import RUN, Direction, Ruling
from gatepost.scan.envelope import IPAddress
from gatepost.scan.maps import Map
from gatepost.scan.module import Hits
from gatepost.scan.symbol import Hit
from gatepost.scan.task import Task

VALUES = "rbl_values"
WHITELISTED = "rbl_whitelisted"
WHITE_HITS = "rbl_white_hits"
MAX_LABEL = 63  # octets (RFC 1035 2.3.4); a hash is one label
ADDRESS_TYPES: tuple[RecordType, ...] = ("A", "AAAA")

ERRORS = {
    "servfail": "server fail",
    "timeout": "query timed out",
    "refused": "query refused",
    "formerr": "format error",
    "notimp": "not implemented",
}
"""What Rspamd calls a failure. Others (our own limit, our own end) are nobody's fault."""

Future = asyncio.Future[Answer]
Script = Callable[[str, str, Task, bool], object]


class Surroundings(NamedTuple):
    """What a rule was given besides its options."""

    sources: Sequence[Source]
    codes: Codes | None
    health: ZoneHealth | None = None
    whitelist: Map | None = None
    url_whitelist: Map | None = None
    disabled_zones: Map | None = None
    is_local: Callable[[IPAddress], bool] = lambda _: False
    is_excluded: Callable[[IPAddress], bool] = lambda _: False
    script: Script | None = None


class Request:
    """A question, for whom it is asked: one name may stand for several values' labels."""

    __slots__ = ("forced", "labels", "shown")

    def __init__(self, shown: str, label: str, forced: bool) -> None:
        self.shown = shown
        self.labels = [label]
        self.forced = forced

    def join(self, label: str, forced: bool) -> None:
        """The same name for a further kind of check."""
        if label not in self.labels:
            self.labels.append(label)
        self.forced = self.forced or forced


class Rule:
    """A rule ready to run. ``symbol`` is its own, for answers without a meaning."""

    def __init__(self, name: str, symbol: str, options: RuleOptions, around: Surroundings) -> None:
        self.name = name
        self.symbol = symbol
        self.options = options
        self.around = around
        self.zone = options.rbl.strip(".").lower()
        self.fail = f"{symbol}_FAIL"
        self.hashing = hashing_of(options)
        self.prefixes = options.symbols_prefixes
        self.white = frozenset(self._white_symbols())
        maps = (around.whitelist, around.url_whitelist) if not options.ignore_whitelist else ()
        self.whitelists = tuple(one for one in maps if one is not None)
        self.is_black = not (options.is_whitelist or options.ignore_whitelist)

    @property
    def callback(self) -> str:
        """The name of its check."""
        return f"{self.symbol}_CHECK" if self.prefixes else self.symbol

    def ruling(self, direction: Direction) -> Ruling:
        """Off for authenticated senders by ``exclude_users``, for local ones by
        ``exclude_local``; each condition for itself."""
        if direction.authenticated and self.options.exclude_users:
            return Ruling("skip", "authenticated", f"rules.{self.name}.exclude_users")
        if direction.local and self.options.exclude_local:
            return Ruling("skip", "local", f"rules.{self.name}.exclude_local")
        return RUN

    def symbols(self) -> list[str]:
        """All that it may insert, its check's own name first."""
        meanings = [*self.options.returncodes, *self.options.returnbits]
        named = [
            self._named(symbol, prefix)
            for symbol in [self.symbol, *meanings]
            for prefix in self._prefixes()
        ]
        return list(dict.fromkeys([self.callback, *named, self.fail]))

    async def check(self, task: Task) -> Hits:
        """Asks, and yields what the answers mean as they come."""
        if not self.may_ask(task):
            return
        requests = self.requests(task)
        if self.options.resolve_ip:
            requests = await self.resolved(task, requests)
        waiting: dict[Future, list[Request]] = {}
        begin = task.resolver.begin
        for name, request in requests.items():
            found = begin(name, "A", forced=request.forced)
            if not isinstance(found, Answer):
                waiting.setdefault(found, []).append(request)
            elif found.rcode != "nxdomain":
                for hit in self.hits(task, request, found):
                    yield hit
        if waiting:
            async for future in as_they_end(waiting):
                answer = answer_of(future)
                if answer.rcode != "nxdomain":
                    for request in waiting[future]:
                        for hit in self.hits(task, request, answer):
                            yield hit

    def may_ask(self, task: Task) -> bool:
        """Whether the list is to be asked about this message at all."""
        around, options = self.around, self.options
        if around.health is not None and not around.health.alive:
            return False
        if around.disabled_zones is not None and self.zone in around.disabled_zones:
            return False
        if options.require_symbols and not all(map(task.has, options.require_symbols)):
            return False
        address = task.ip
        if not options.exclude_local or address is None:
            return True
        return not (around.is_local(address) or around.is_excluded(address))

    def requests(self, task: Task) -> dict[str, Request]:
        """The questions by the name to look up, each once."""
        found: dict[str, Request] = {}
        memo: dict[object, Any] = task.variables.setdefault(VALUES, {})
        white: Mapping[str, set[str]] = task.variables.get(WHITELISTED, {}) if self.is_black else {}
        hashed = self.hashing is not None and not self.options.resolve_ip
        plain = not hashed and self.around.script is None
        zone = "" if self.options.resolve_ip else f".{self.zone}"
        for source in self.around.sources:
            for value in self.values(source, task, memo):
                if white and vouched_for(value, source.label, white):
                    continue
                if not plain:
                    name = self.name_of(value, task, memo)
                else:
                    name = f"{value.name}{zone}" if value.name else ""
                if not name:
                    continue
                request = found.get(name)
                if request is None:
                    found[name] = Request(value.shown, source.label, source.forced)
                else:
                    request.join(source.label, source.forced)
        return found

    def values(self, source: Source, task: Task, memo: dict[object, Any]) -> Sequence[Value]:
        """What the source finds in the message, without what the whitelists have.

        Read once for all rules that read the same, and sifted once for those that have the same
        whitelists.
        """
        values: Sequence[Value] | None = memo.get(source.key)
        if values is None:
            values = memo[source.key] = source.read(task)
        maps = self.whitelists
        if not values or not maps:
            return values
        key = (source.key, maps)
        sifted: Sequence[Value] | None = memo.get(key)
        if sifted is None:
            sifted = memo[key] = [value for value in values if not is_listed(value, maps)]
        return sifted

    def name_of(self, value: Value, task: Task, memo: dict[object, Any]) -> str:
        """The name to look up for a value that is hashed or goes through a script; else empty."""
        if self.around.script is not None:
            return self._scripted(self.around.script, value, task)
        if self.hashing is None:
            return ""
        key = (self.hashing, value.text)
        name: str | None = memo.get(key)
        if name is None:
            name = memo[key] = self.hashing.of(value.text)
        return f"{name}.{self.zone}" if len(name) <= MAX_LABEL else ""

    def _scripted(self, script: Script, value: Value, task: Task) -> str:
        try:
            name = script(value.text, self.zone, task, self.options.resolve_ip)
        except Exception as error:  # his code, whatever it does, costs one question only
            task.log(logging.ERROR, "rbl: process_script of %s failed: %r", self.name, error)
            return ""
        return name.lower() if isinstance(name, str) and len(name) <= MAX_ASKED else ""

    async def resolved(self, task: Task, requests: Mapping[str, Request]) -> dict[str, Request]:
        """Questions about the addresses that the names have, instead of about the names."""
        found: dict[str, Request] = {}
        waiting: dict[Future, list[tuple[str, Request]]] = {}

        def take(name: str, request: Request, answer: Answer) -> None:
            for address in answer.texts if answer.ok else ():
                self._take_address(found, name, request, address, task)

        for name, request in requests.items():
            for kind in ADDRESS_TYPES:
                answer = task.resolver.begin(name, kind, forced=request.forced)
                if isinstance(answer, Answer):
                    take(name, request, answer)
                else:
                    waiting.setdefault(answer, []).append((name, request))
        async for future in as_they_end(waiting):
            for name, request in waiting[future]:
                take(name, request, answer_of(future))
        return found

    def _take_address(
        self, found: dict[str, Request], name: str, request: Request, address: str, task: Task
    ) -> None:
        parsed = _address(address)
        if parsed is None:
            return
        value = value_of_address(parsed)
        asked = value.text if self.hashing is None else self.hashing.of(value.text)
        known = found.setdefault(
            f"{asked}.{self.zone}",
            Request(f"{value.shown}:{name}", request.labels[0], request.forced),
        )
        for label in request.labels:
            known.join(label, request.forced)

    def hits(self, task: Task, request: Request, answer: Answer) -> Iterator[Hit]:
        """The symbols for an answer, one for each label."""
        if answer.failed:
            error = ERRORS.get(answer.rcode)
            if error is not None:
                yield Hit(self.fail, (f"{request.shown}:{error}",))
            return
        if not answer.ok:
            return
        codes = self.around.codes
        if codes is None:
            yield from self._inserted(task, self.symbol, request, "")
            return
        for address in answer.texts:
            meanings = codes.meaning(address)
            for symbol in meanings:
                yield from self._inserted(task, symbol, request, "")
            if not meanings and self.options.unknown:
                yield from self._inserted(task, self.symbol, request, f":{address}")

    def _inserted(self, task: Task, symbol: str, request: Request, tail: str) -> Iterator[Hit]:
        for label in request.labels:
            name = self._named(symbol, self.prefixes.get(label, ""))
            if name in self.white:
                seen = task.variables.setdefault(WHITE_HITS, [])
                seen.append((name, request.shown, label))
            yield Hit(name, (f"{request.shown}:{label}{tail}",))

    def _named(self, symbol: str, prefix: str) -> str:
        return f"{prefix}_{symbol}" if prefix else symbol

    def _prefixes(self) -> Iterable[str]:
        return dict.fromkeys(self.prefixes.values()) if self.prefixes else ("",)

    def _white_symbols(self) -> Iterator[str]:
        """The symbols by which this list vouches for what it lists."""
        options = self.options
        if not options.is_whitelist:
            return
        for symbol in [*options.returncodes, *options.returnbits] or [self.symbol]:
            for prefix in self._prefixes():
                name = self._named(symbol, prefix)
                if name not in options.whitelist_exception:
                    yield name


def is_listed(value: Value, maps: Iterable[Map]) -> bool:
    """Whether one of the maps has the value, or the domain of a mail address."""
    keys = (value.shown, value.domain) if value.domain else (value.shown,)
    return any(key in one for one in maps for key in keys)


def vouched_for(value: Value, label: str, white: Mapping[str, set[str]]) -> bool:
    """Whether a list of good senders has the value, for the same kind of check."""
    return label in white.get(value.shown, ()) or label in white.get(value.domain, ())


async def as_they_end(waiting: Iterable[Future]) -> AsyncIterator[Future]:
    """Each future once it is done, in the order in which they end. Never cancels any."""
    ended: deque[Future] = deque()
    loop = asyncio.get_running_loop()
    wake: asyncio.Future[None] | None = None

    def note(future: Future) -> None:
        ended.append(future)
        if wake is not None and not wake.done():
            wake.set_result(None)

    futures = list(waiting)
    for future in futures:
        future.add_done_callback(note)
    try:
        for _ in futures:
            if not ended:
                wake = loop.create_future()
                await wake
            yield ended.popleft()
    finally:
        for future in futures:
            future.remove_done_callback(note)


def _address(text: str) -> IPAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
