# SPDX-License-Identifier: Apache-2.0
"""How does an event loop use a SQLite file that other processes write to as well?

An operation takes some ten microseconds, less than handing it to a thread, so it runs
inline with a busy time-out of 0. Only when another process holds the write lock, and still
holds it after a few tries, does it go to this process's one thread, where SQLite waits
for the lock; the loop goes on meanwhile, and the wait is bounded from the moment of asking.
Checkpoints, which sync files, run in that thread too: no message pays for them.

The connections are opened on first use, in the thread, and belong to the process that
opened them: SQLite forbids to carry them across a fork, and even a new one in a child would
believe that it has the parent's locks. So a fork closes them all first; parent and
child open their own when they need them again.
"""

import asyncio
import logging
import os
import sqlite3
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import NoReturn, TypeVar

from gatepost.store.errors import StoreError
from gatepost.store.sqlite_schema import prepare

log = logging.getLogger("gatepost.store")

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]

# each try takes some 3 µs, about as long as another process needs for its own operation
TRIES = 8
# rows changed between two checkpoints; the WAL stays at a few MiB
CHECKPOINT_EVERY = 2000

_sessions: weakref.WeakSet["Session"] = weakref.WeakSet()


class Session:
    """What one process has open: a connection for the loop, one for the thread."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self.pid = os.getpid()
        self.thread = thread
        self.inline: sqlite3.Connection | None = None
        self.patient: sqlite3.Connection | None = None
        self.checkpointed = 0
        _sessions.add(self)


class Database:
    """One SQLite file in WAL mode; `run` is the only way in.

    ``patience`` is how long an operation waits for other processes at most, in seconds.
    """

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        self.path = path
        self.patience = patience
        self._session: Session | None = None
        self._closed = False

    async def run(self, operation: Operation[T]) -> T:
        """Gives what ``operation`` gives; raises `StoreError` instead of ``sqlite3.Error``.

        ``operation`` must change nothing before it holds the write lock: it may be called again.
        """
        session = self._own_session()
        connection = session.inline
        if connection is None:
            return await self.run_in_thread(operation)
        for _ in range(TRIES):
            try:
                result = operation(connection)
            except sqlite3.Error as error:
                if not is_busy(error):
                    self._fail(session, error)
            else:
                if connection.total_changes - session.checkpointed > CHECKPOINT_EVERY:
                    session.checkpointed = connection.total_changes
                    session.thread.submit(checkpoint, session)
                return result
            os.sched_yield()
        return await self.run_in_thread(operation)

    async def run_in_thread(self, operation: Operation[T]) -> T:
        """As `run`, for what takes long: never on the event loop."""
        session = self._own_session()
        deadline = time.monotonic() + self.patience
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                session.thread, self._insist, session, operation, deadline
            )
        except sqlite3.Error as error:
            self._fail(session, error)

    async def close(self) -> None:
        """Closes this process's connections, after what they are doing."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None and session.pid == os.getpid():
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(session.thread, close, session)
            session.thread.shutdown(wait=False)

    def _own_session(self) -> Session:
        session = self._session
        if session is not None and session.pid == os.getpid():
            return session
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed", temporary=False)
        thread = ThreadPoolExecutor(1, thread_name_prefix="gatepost-sqlite")
        self._session = Session(thread)
        return self._session

    def _insist(self, session: Session, operation: Operation[T], deadline: float) -> T:
        """Runs in the thread: opens what is not open yet, and waits for the write lock."""
        patience = max(1, int((deadline - time.monotonic()) * 1000))
        if session.patient is None or session.inline is None:
            close(session)
            session.patient = self._connect(deadline)
            session.inline = self._connect(deadline)
            session.inline.execute("PRAGMA busy_timeout = 0")
        session.patient.execute(f"PRAGMA busy_timeout = {patience}")
        return operation(session.patient)

    def _connect(self, deadline: float) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The state knows who wrote to whom: nobody else's business. O_EXCL, because whoever
            # closes a file gives up all locks that the process has on it, SQLite's too; another
            # process would then take itself for the last and remove the log that we write to.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error
        while True:
            # opened here, used on the loop
            connection = sqlite3.connect(
                self.path, timeout=self.patience, isolation_level=None, check_same_thread=False
            )
            try:
                prepare(connection, self.path)
            except BaseException as error:
                connection.close()
                # turning WAL on is refused at once, whatever the time-out, while others do the same
                late = time.monotonic() >= deadline
                if late or not (isinstance(error, sqlite3.Error) and is_busy(error)):
                    raise
                Event().wait(0.005)
            else:
                return connection

    def _fail(self, session: Session, error: sqlite3.Error) -> NoReturn:
        """Translates, and lets go of a file that may not be what it was."""
        if is_busy(error):
            message = f"{self.path}: locked by another process for {self.patience:g} s"
            raise StoreError(message) from error
        misuse = isinstance(error, (sqlite3.ProgrammingError, sqlite3.InterfaceError))
        misuse = misuse or isinstance(error, (sqlite3.DataError, sqlite3.IntegrityError))
        if not misuse and self._session is session:
            self._session = None
            session.thread.submit(close, session)
            session.thread.shutdown(wait=False)
        raise StoreError(f"{self.path}: {error}", temporary=not misuse) from error


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection's lock was in the way, so that trying again makes sense."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def checkpoint(session: Session) -> None:
    """Copies the write-ahead log into the file as far as no reader needs it."""
    if session.patient is None:
        return
    try:
        session.patient.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error as error:
        log.warning("checkpoint of the store failed: %s", error)


def close(session: Session) -> None:
    """Runs in the thread, so after all that was asked of it before."""
    for connection in (session.inline, session.patient):
        if connection is not None:
            connection.close()
    session.inline = session.patient = None


def close_before_fork() -> None:
    """Closes all connections of this process, each after what it is doing."""
    for session in list(_sessions):
        if session.pid != os.getpid():
            continue
        try:
            session.thread.submit(close, session).result()
        except RuntimeError:
            session.thread.shutdown(wait=True)  # is being closed


os.register_at_fork(before=close_before_fork)
