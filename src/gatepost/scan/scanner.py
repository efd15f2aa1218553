# SPDX-License-Identifier: Apache-2.0
"""From bytes and envelope to a finished task: the life of a message, in one place.

envelope resolved → ``Task`` → ``Direction`` → settings chosen → ``Plan`` → engine.
See DESIGN §3. A ``Scanner`` is one loaded configuration; a reload makes a new one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gatepost.config import OptionsSection
from gatepost.mail import Limits, Message
from gatepost.net import PromptResolver, TaskResolver
from gatepost.scan.actions import ActionTable
from gatepost.scan.applied import NOTHING_APPLIED, Applied
from gatepost.scan.direction import direction_of
from gatepost.scan.engine import Engine
from gatepost.scan.envelope import Envelope, IPAddress, client_hop
from gatepost.scan.gtube import GtubePatterns, find_gtube
from gatepost.scan.module import ClientResolver
from gatepost.scan.outcomes import Trace
from gatepost.scan.plan import Planner
from gatepost.scan.result import CRITICAL, Result
from gatepost.scan.settings import Settings
from gatepost.scan.symbol import Hit, SymbolRegistry
from gatepost.scan.task import Task
from gatepost.store import Store

log = logging.getLogger("gatepost.scanner")


@dataclass(frozen=True)
class ScannerOptions:
    """The options of a scan that are not any module's; names and units as in ``options``."""

    limits: Limits = field(default_factory=Limits)
    gtube_patterns: GtubePatterns = "reject"
    ignore_received: bool = False
    dns_max_requests: int = 64
    max_opts_len: int = 4096
    check_text_attachements: bool = True


def scanner_options(options: OptionsSection) -> ScannerOptions:
    """What the section ``options`` says of scans."""
    return ScannerOptions(
        limits=Limits(
            max_message=options.max_message,
            max_urls=options.max_urls,
            max_recipients=options.max_recipients,
            max_html_len=options.max_html_len,
            words_decay=options.words_decay,
        ),
        gtube_patterns=options.test_patterns,
        ignore_received=options.ignore_received,
        dns_max_requests=options.dns_max_requests,
        max_opts_len=options.max_opts_len,
        check_text_attachements=options.check_text_attachements,
    )


class Scanner:
    """Scans messages under one configuration."""

    def __init__(
        self,
        *,
        planner: Planner,
        engine: Engine,
        registry: SymbolRegistry,
        actions: ActionTable,
        settings: Settings,
        resolver: PromptResolver,
        store: Store,
        is_local: Callable[[IPAddress], bool],
        client_resolvers: Sequence[ClientResolver] = (),
        options: ScannerOptions = ScannerOptions(),
    ) -> None:
        self.planner = planner
        self.engine = engine
        self.registry = registry
        self.actions = actions
        self.settings = settings
        self.resolver = resolver
        self.store = store
        self.is_local = is_local
        self.client_resolvers = client_resolvers
        self.options = options

    async def scan(
        self,
        raw: bytes,
        envelope: Envelope,
        *,
        trace: Trace | None = None,
        now: float | None = None,
    ) -> Task:
        """Scans one message and returns the finished task.

        ``raw`` is the message as the MTA holds it. With ``trace`` every check's outcome is
        written down. Raises nothing for anything in the message.
        """
        task = self.prepare(raw, envelope, now=now)
        chosen = self.settings.choose(task)
        if chosen is not NOTHING_APPLIED:
            self.apply(task, chosen)
        self._look_for_test_letter(task)
        if "skip" in task.flags or task.settings.whitelist:
            task.result.skipped = True
        plan = self.planner.plan(
            task.settings.switches, task.direction, empty=task.message.is_empty
        )
        await self.engine.run(plan, task, trace)
        return task

    def prepare(self, raw: bytes, envelope: Envelope, *, now: float | None = None) -> Task:
        """The task before settings: message opened, client resolved, direction known."""
        options = self.options
        message = Message(
            raw,
            limits=options.limits,
            check_text_attachements=options.check_text_attachements,
            mime="raw" not in envelope.flags,
            content_type=envelope.header("Content-Type") or "",
            filename=envelope.header("Filename") or "",
        )
        self._guess_client(envelope, message)
        for resolve in self.client_resolvers:
            resolve(envelope, message)
        return Task(
            message,
            envelope,
            result=self._result(NOTHING_APPLIED),
            resolver=TaskResolver(self.resolver, options.dns_max_requests),
            store=self.store,
            direction=direction_of(
                local=self._is_local(envelope), authenticated=bool(envelope.user)
            ),
            now=now,
        )

    def apply(self, task: Task, applied: Applied) -> None:
        """Puts settings in force: overlays, inserted symbols, flags, headers, variables."""
        task.settings = applied
        task.result = self._result(applied)
        task.flags |= applied.flags
        task.variables.update(applied.variables)
        task.result.messages.update(applied.messages)
        for symbol in applied.symbols:
            hit = Hit(symbol.name, symbol.options, symbol.weight)
            task.result.insert(hit, forced=True)

    def _result(self, applied: Applied) -> Result:
        return Result(
            self.registry,
            self.actions.overlaid(applied.actions),
            scores=applied.scores,
            max_option_bytes=self.options.max_opts_len,
        )

    def _guess_client(self, envelope: Envelope, message: Message) -> None:
        """Fills in a missing client from the top Received; one that we know becomes a hop."""
        if envelope.ip is not None:
            message.client = client_hop(envelope)
            message.client_on_top = self.options.ignore_received
            return
        if envelope.socket_path or self.options.ignore_received:
            return
        top = next(iter(message.received), None)
        if top is not None and top.real_ip is not None:
            envelope.ip = top.real_ip
            envelope.ip_guessed = True
            envelope.hostname = envelope.hostname or top.real_hostname

    def _is_local(self, envelope: Envelope) -> bool:
        """Whether the client is one of ours.

        A guessed address is used for look-ups but never makes a message local: anybody can
        write a Received header (DESIGN §3).
        """
        if envelope.socket_path:
            return True
        if envelope.ip is None or envelope.ip_guessed:
            return False
        return self.is_local(envelope.ip)

    def _look_for_test_letter(self, task: Task) -> None:
        action = find_gtube(task.message, self.options.gtube_patterns)
        if action is None:
            return
        threshold = task.result.actions.get(action).threshold
        task.result.insert(Hit("GTUBE"))
        task.set_pre_result(
            action,
            "Gtube pattern",
            module="GTUBE",
            score=0.0 if threshold is None else threshold,
            priority=CRITICAL,
        )
        task.result.skipped = True


def local_test(networks: Iterable[Callable[[IPAddress], bool]]) -> Callable[[IPAddress], bool]:
    """Whether an address is ours: loopback and link-local always, then each of ``networks``.

    Source: direction-modules reference §0.1.
    """
    tests = tuple(networks)

    def is_local(address: IPAddress) -> bool:
        if address.is_loopback:
            return True
        if address.version == 6 and (address.is_link_local or address.is_site_local):
            return True
        return any(test(address) for test in tests)

    return is_local
