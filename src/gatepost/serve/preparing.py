# SPDX-License-Identifier: Apache-2.0
"""From a loaded configuration to what the processes of ``gatepost serve`` are given to run."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable

from gatepost.app import App, OpenApp
from gatepost.config import Problems, bind
from gatepost.serve.answer import AnswerOptions
from gatepost.serve.bind_address import BindAddress, parse_bind
from gatepost.serve.errors import BindError
from gatepost.serve.log_options import LogOptions
from gatepost.serve.prepared import (
    Listener,
    MilterListener,
    Prepared,
    ScanPortListener,
    grace_for,
)
from gatepost.serve.reply import Scan
from gatepost.serve.scan_options import ScanPortOptions
from gatepost.serve.scanning import Scanning
from gatepost.serve.worker_sections import (
    NormalSection,
    ProxySection,
    WorkerSection,
    milter_options,
    read_workers,
)
from gatepost.ucl import Object

SCAN_PORT, MILTER_PORT = 11333, 11332


def prepare(app: App, *, test: bool = False) -> Prepared:
    """Everything ``serve`` runs by. Raises ``ConfigError`` with every mistake of these sections.

    In a ``test`` a configuration without listeners, fit for ``scan`` alone, is only warned of.
    """
    return _Preparation(app, app.problems, test).prepare()


class Parts:
    """What one worker scans with: its own store, resolver and scanner."""

    def __init__(self, app: App, log: LogOptions) -> None:
        self._open: OpenApp = app.open()
        self._scanning = Scanning(
            self._open.scanner,
            answer_options(app),
            max_recipients=app.options.max_recipients,
            max_elements=log.task_max_elts,
        )

    @property
    def scan(self) -> Scan:
        return self._scanning

    async def start(self) -> None:
        await self._open.start()

    async def close(self) -> None:
        await self._open.close()


def answer_options(app: App) -> AnswerOptions:
    """What the configuration says of replies."""
    subject, public = app.actions.subject, app.options.public_groups_only
    if subject is None:
        return AnswerOptions(public_groups_only=public)
    return AnswerOptions(subject=subject, public_groups_only=public)


class _Preparation:
    def __init__(self, app: App, problems: Problems, test: bool) -> None:
        self.app = app
        self.problems = problems
        self.test = test

    def prepare(self) -> Prepared:
        config, app = self.app.config, self.app
        workers = read_workers(config, self.problems)
        listeners: list[Listener] = []
        for section, normal in workers.normal:
            if normal.enabled:
                listeners.append(self._scan_port(section, normal))
        for section, proxy in workers.proxy:
            if proxy.enabled:
                listeners.append(self._proxy(section, proxy))
        listeners = [one for one in listeners if one.bind]
        log = bind(
            LogOptions, config.section("logging"), "logging", self.problems, ignored=WITHOUT_EFFECT
        )
        if not listeners:
            tell = self.problems.warning if self.test else self.problems.error
            tell(None, "no listener: `serve` expects a `worker` section with bind_socket")
        count = workers.count
        self.problems.raise_errors()

        async def open_worker() -> Parts:
            return Parts(app, log)

        return Prepared(
            listeners=tuple(listeners),
            workers=count if count is not None and count > 0 else os.cpu_count() or 1,
            open_worker=open_worker,
            log=log,
            grace=grace_for(app.engine.task_timeout),
        )

    def _scan_port(self, section: Object, normal: NormalSection) -> ScanPortListener:
        core = self.app.options
        options = ScanPortOptions(
            settings_id=normal.settings_id,
            mime=normal.mime,
            max_message=core.max_message,
            timeout=normal.timeout,
            scan_timeout=self._scan_timeout(),
            max_tasks=normal.max_tasks,
            max_header_bytes=max(normal.max_header_bytes, 4096),
            enable_shutdown_workaround=core.enable_shutdown_workaround,
        )
        bind_to = self._addresses(section, normal, SCAN_PORT)
        tls = self._tls(section, normal, bind_to)
        return ScanPortListener(bind=bind_to, options=options, tls=tls)

    def _proxy(self, section: Object, proxy: ProxySection) -> Listener:
        core = self.app.options
        bind_to = self._addresses(section, proxy, MILTER_PORT)
        tls = self._tls(section, proxy, bind_to)
        if not proxy.milter:
            options = ScanPortOptions(
                settings_id=proxy.settings_id,
                max_message=core.max_message,
                scan_timeout=self._scan_timeout(),
                enable_shutdown_workaround=core.enable_shutdown_workaround,
            )
            return ScanPortListener(bind=bind_to, options=options, tls=tls)
        return MilterListener(
            bind=bind_to,
            options=milter_options(proxy, section, self.problems),
            max_message=core.max_message,
            timeout=self._scan_timeout(),
            tls=tls,
        )

    def _scan_timeout(self) -> float:
        """Seconds: the engine ends a scan in twice its own limit; this is for what it can't."""
        return max(60.0, 3 * self.app.engine.task_timeout)

    def _addresses(
        self, section: Object, worker: WorkerSection, port: int
    ) -> tuple[BindAddress, ...]:
        return tuple(self._parsed(worker.bind_socket, section, port))

    def _parsed(self, texts: Iterable[str], section: Object, port: int) -> Iterable[BindAddress]:
        for text in texts:
            try:
                yield parse_bind(text, default_port=port)
            except BindError as error:
                self.problems.error(section.place("bind_socket"), f"bind_socket: {error}")

    def _tls(
        self, section: Object, worker: WorkerSection, bind_to: Iterable[BindAddress]
    ) -> ssl.SSLContext | None:
        with_tls = [address for address in bind_to if address.ssl]
        if worker.ssl_cert is None:
            for address in with_tls:
                message = f"bind_socket: {address} has `ssl`, and `ssl_cert` is missing"
                self.problems.error(section.place("bind_socket"), message)
            return None
        if not with_tls:
            message = "ssl_cert: no address of bind_socket has `ssl`: all are served without TLS"
            self.problems.warning(section.place("ssl_cert"), message)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(worker.ssl_cert, worker.ssl_key)
        except (OSError, ssl.SSLError) as error:
            self.problems.error(section.place("ssl_cert"), f"ssl_cert, ssl_key: {error}")
        return context


WITHOUT_EFFECT = (
    *("debug_ip", "encryption_key", "error_elts", "error_maxlen", "log_buffer", "log_format"),
    *("log_re_cache", "log_urls", "log_silent_workers", "tag_strip_policy", "file", "error_shm"),
)
"""Options of Rspamd's ``logging`` that have nothing to steer here."""
