# SPDX-License-Identifier: Apache-2.0
"""What must the processes of ``gatepost serve`` be given to run?

The supervisor calls ``Load`` once to start and once for each SIGHUP, and hands what it gets
to the workers by ``fork``. So ``load`` may read and compile as it likes, but it starts no
thread, opens no connection and leaves no event loop behind: all of that is ``open_worker``'s,
which runs in the worker, in the worker's own loop.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from gatepost.serve.bind_address import BindAddress
from gatepost.serve.log_options import LogOptions
from gatepost.serve.milter import MilterOptions
from gatepost.serve.reply import Scan
from gatepost.serve.scan_options import ScanPortOptions

MIN_GRACE = 10.0


@dataclass(frozen=True, kw_only=True)
class MilterListener:
    """One milter listener; its bounds are for all its addresses together, in each worker."""

    kind: ClassVar[str] = "milter"
    bind: tuple[BindAddress, ...]
    options: MilterOptions = field(default_factory=MilterOptions)
    max_message: int = 50 * 1024 * 1024
    """Bytes."""
    timeout: float = 60.0
    """Seconds for one scan, as a safety net: the engine's own deadline comes first."""
    tls: ssl.SSLContext | None = None
    """For those addresses that have ``ssl``."""


@dataclass(frozen=True, kw_only=True)
class ScanPortListener:
    """One listener of the scan port; its bounds are for all its addresses together."""

    kind: ClassVar[str] = "scan"
    bind: tuple[BindAddress, ...]
    options: ScanPortOptions = field(default_factory=ScanPortOptions)
    tls: ssl.SSLContext | None = None
    """For those addresses that have ``ssl``."""


Listener = MilterListener | ScanPortListener


class WorkerParts(Protocol):
    """What one worker scans with: made in it, closed by it, shared with nobody."""

    @property
    def scan(self) -> Scan:
        """Serves every listener of the worker."""
        ...

    async def start(self) -> None:
        """Begins what runs beside the scans (watching maps); returns when scans may come."""
        ...

    async def close(self) -> None:
        """Ends all of it; no scan runs any more. Also called when ``start`` failed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One configuration, ready to be served."""

    listeners: tuple[Listener, ...]
    workers: int
    """How many, at least one."""
    open_worker: Callable[[], Awaitable[WorkerParts]]
    """Runs in a worker's loop. An error here is a worker that cannot start."""
    log: LogOptions = field(default_factory=LogOptions)
    grace: float = MIN_GRACE
    """Seconds that a worker may take to finish what it holds; see ``grace_for``."""


Load = Callable[[], Prepared]
"""Reads the configuration. Raises ``GatepostError`` when it cannot be served."""


def grace_for(task_timeout: float) -> float:
    """Seconds of grace, as Rspamd has it (core reference §10.3); ``task_timeout`` in seconds."""
    return max(MIN_GRACE, 2 * task_timeout)
