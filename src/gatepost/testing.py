# SPDX-License-Identifier: Apache-2.0
"""The kit that tests build a scan with: a letter, a DNS zone, one or a few modules, and scan.

Shipped, because whoever writes a module of his own tests it the same way::

    DNS = zone("good.example. MX 10 mx.good.example.", fail=["MX down.example."])

    async def test_sender_domain():
        result = await scan(MxCheck, mail(sender="a@good.example"), dns=DNS)
        assert result.hits == {"MX_GOOD": ["mx.good.example"]}

Nothing is faked but the DNS: the configuration is read, bound and assembled as ``serve`` does.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from gatepost.app import App, assemble
from gatepost.config import Configuration, Problems
from gatepost.net import Answer, Mx, PromptResolver, Rcode, Record, RecordType, Soa
from gatepost.scan.applied import SettingsMatch
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.module import Module
from gatepost.scan.outcomes import Outcome, Trace
from gatepost.scan.result import Verdict
from gatepost.scan.task import Task
from gatepost.store import Store
from gatepost.ucl import Loader, Object

NOW = 1_767_225_600.0
"""2026-01-01 00:00:00 UTC: when letters of the kit arrive, unless they say otherwise."""


@dataclass(frozen=True)
class Letter:
    """A message as the MTA holds it, and the request headers that go with it."""

    raw: bytes
    headers: tuple[tuple[str, str], ...] = ()


def mail(
    body: str | bytes = "Hello\r\n",
    *,
    ip: str | None = "203.0.113.7",
    user: str | None = None,
    sender: str | None = "alice@example.org",
    rcpt: str | Sequence[str] = "bob@example.net",
    helo: str | None = "client.example.org",
    hostname: str | None = None,
    headers: Mapping[str, str | Sequence[str]] | None = None,
    request: Mapping[str, str] | None = None,
    raw: bytes | None = None,
) -> Letter:
    """A letter. ``headers`` replace or add to From, To, Subject, Date and Message-ID (an empty
    value leaves one out); ``request`` are further request headers. ``raw`` is the whole message.
    """
    rcpts = [rcpt] if isinstance(rcpt, str) else list(rcpt)
    asked: list[tuple[str, str]] = [("Rcpt", one) for one in rcpts]
    for name, value in (
        ("IP", ip),
        ("User", user),
        ("From", sender),
        ("Helo", helo),
        ("Hostname", hostname),
        *(request or {}).items(),
    ):
        if value is not None:
            asked.append((name, value))
    if raw is None:
        raw = _message(body, sender or "", rcpts, headers or {})
    return Letter(raw, tuple(asked))


def _message(
    body: str | bytes,
    sender: str,
    rcpts: Sequence[str],
    headers: Mapping[str, str | Sequence[str]],
) -> bytes:
    fields: dict[str, str | Sequence[str]] = {
        "From": sender or "MAILER-DAEMON@example.org",
        "To": ", ".join(rcpts),
        "Subject": "a letter",
        "Date": "Thu, 01 Jan 2026 00:00:00 +0000",
        "Message-ID": "<letter@example.org>",
    }
    fields.update(headers)
    lines: list[str] = []
    for name, value in fields.items():
        for one in [value] if isinstance(value, str) else value:
            if one:
                lines.append(f"{name}: {one}\r\n")
    text = body if isinstance(body, bytes) else body.encode()
    return "".join(lines).encode() + b"\r\n" + text


class Zone:
    """DNS as a test writes it: records, names that fail; all else does not exist.

    ``asked`` lists what was looked up, in order.
    """

    def __init__(self, records: Iterable[str] = (), fail: Iterable[str] = ()) -> None:
        self.records: dict[tuple[str, RecordType], list[Record]] = {}
        self.failing: dict[tuple[str, RecordType], Rcode] = {}
        self.asked: list[tuple[str, RecordType]] = []
        for line in records:
            self._add(line)
        for line in fail:
            kind, name, *code = line.split()
            key = (name.rstrip(".").lower(), _record_type(kind))
            self.failing[key] = _rcode(code[0]) if code else "servfail"

    async def query(self, name: str, type: RecordType) -> Answer:
        """As ``Resolver.query``."""
        return self.begin(name, type)

    def begin(self, name: str, type: RecordType) -> Answer:
        """The same, for who does not wait."""
        key = (name.rstrip(".").lower(), type)
        self.asked.append(key)
        if key in self.failing:
            return Answer(self.failing[key])
        found = self.records.get(key)
        if found is not None:
            return Answer("noerror", tuple(found), ttl=300.0)
        exists = any(owner == key[0] for owner, _ in self.records)
        return Answer("norec" if exists else "nxdomain")

    def _add(self, line: str) -> None:
        name, kind, *words = shlex.split(line)
        key = (name.rstrip(".").lower(), _record_type(kind))
        self.records.setdefault(key, []).append(_record(key[1], words))


def _record(kind: RecordType, words: Sequence[str]) -> Record:
    match kind:
        case "TXT":
            return "".join(words).encode("latin-1")
        case "MX":
            return Mx(int(words[0]), words[1].rstrip(".").lower() or ".")
        case "SOA":
            return Soa(words[0].rstrip("."), words[1].rstrip("."), *map(int, words[2:7]))
        case _:
            return words[0].rstrip(".").lower()


def _record_type(text: str) -> RecordType:
    for kind in get_args(RecordType):
        if kind == text.upper():
            return kind  # type: ignore[no-any-return]  # get_args is untyped
    raise ValueError(f"unknown record type {text!r}")


def _rcode(text: str) -> Rcode:
    for code in get_args(Rcode):
        if code == text:
            return code  # type: ignore[no-any-return]  # get_args is untyped
    raise ValueError(f"unknown rcode {text!r}")


def zone(*records: str, fail: Iterable[str] = ()) -> Zone:
    """DNS records as in a zone file: ``"good.example. MX 10 mx.good.example."``; ``fail`` are
    ``"TYPE name [rcode]"`` (servfail unless another code is given)."""
    return Zone(records, fail)


@dataclass(frozen=True)
class Scanned:
    """What came of a scan. ``hits`` are the visible symbols with their options."""

    task: Task
    verdict: Verdict
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    settings: Sequence[SettingsMatch] = ()

    @property
    def hits(self) -> dict[str, list[str]]:
        return {found.name: found.options for found in self.task.result.visible()}

    @property
    def scores(self) -> dict[str, float]:
        return {found.name: found.score for found in self.task.result.visible()}

    @property
    def action(self) -> str:
        return self.verdict.action.name

    @property
    def score(self) -> float:
        return self.verdict.score

    @property
    def skipped(self) -> str:
        """Why the first check did not run; empty when it ran."""
        first = next(iter(self.outcomes.values()), None)
        return first.reason if first is not None and first.outcome == "skipped" else ""


class Bench:
    """Modules under one configuration, to scan many letters with; close it after use.

    ``config`` is UCL text in the manner of rspamd.conf. Every module given is on.
    """

    def __init__(
        self,
        modules: Sequence[type[Module]],
        *,
        config: str = "",
        dns: PromptResolver | None = None,
        store: Store | None = None,
        folder: Path | None = None,
    ) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="gatepost-test-"))
        self.app = build_app(modules, config=config, state=self._scratch, folder=folder)
        self._open = self.app.open(resolver=dns if dns is not None else Zone(), store=store)
        self.store = self._open.store

    async def scan(self, letter: Letter, *, now: float = NOW) -> Scanned:
        """Scans one letter that arrives at ``now`` (seconds since the epoch)."""
        envelope = parse_envelope(letter.headers)
        trace = Trace()
        task = await self._open.scanner.scan(letter.raw, envelope, trace=trace, now=now)
        matches = self.app.settings.explain(task)
        return Scanned(task, task.result.verdict(), trace.outcomes, matches)

    async def close(self) -> None:
        """Gives back the store and removes its files."""
        await self._open.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    async def __aenter__(self) -> Bench:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def build_app(
    modules: Sequence[type[Module]],
    *,
    config: str = "",
    state: Path = Path("."),
    folder: Path | None = None,
) -> App:
    """Modules under a configuration given as text; raises ``ConfigError`` as ``build`` does."""
    problems = Problems()
    variables = {"CONFDIR": str(folder or "."), "LOCAL_CONFDIR": str(folder or ".")}
    variables["DBDIR"] = str(state)
    tree = Loader(variables, environment={}).parse(config, "test.conf")
    for module in modules:
        tree.setdefault(module.name, Object())
    loaded = Configuration(tree, folder=folder, state=state, bare=True, variables=variables)
    return assemble(loaded, problems, modules)


async def scan(
    modules: type[Module] | Sequence[type[Module]],
    letter: Letter,
    *,
    config: str = "",
    dns: PromptResolver | None = None,
    store: Store | None = None,
    now: float = NOW,
) -> Scanned:
    """Scans one letter with these modules and nothing else."""
    given = [modules] if isinstance(modules, type) else list(modules)
    async with Bench(given, config=config, dns=dns, store=store) as bench:
        return await bench.scan(letter, now=now)


explain = scan
"""The same; reads better where a test asks why a check did not run (``.skipped``)."""
