# SPDX-License-Identifier: Apache-2.0
"""How do commands get to one Redis server and replies back?

The only file that sees an exception of ``redis``. Commands that are given together travel
together: one write, one wait. That holds also for commands of several callers between two
turns of the loop, so that all that the checks of a message ask first is one round trip.
Connections are made when needed and used by one exchange at a time; one that failed or timed
out is thrown away, since its replies can no longer be told apart. A caller that is cancelled
leaves the exchange alone: others may wait for it. After a failure the server is left alone
for a moment that doubles each time, so that a dead server costs a message nothing.

No command is ever sent twice: nobody knows whether the first one was carried out.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import (
    AskError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from gatepost.store.errors import StoreError
from gatepost.store.redis_servers import Address
from gatepost.store.settings import StoreSettings

Command: TypeAlias = tuple[bytes | str | int | float, ...]
Reply: TypeAlias = "bytes | int | list[Reply] | StoreError | None"

CONNECTIONS = 16
TOGETHER = 256  # commands of several callers in one exchange
FIRST_PAUSE = 0.05  # seconds
LONGEST_PAUSE = 5.0  # seconds


class ScriptUnknownError(StoreError):
    """The server has forgotten a script, or never knew it: nothing was carried out."""


class UnreachableError(StoreError):
    """A server that could not be connected to: nothing was sent, another may be asked."""


class ReplicaError(StoreError):
    """The server is a replica, and was asked to write: nothing was carried out."""


class RedirectedError(StoreError):
    """Another node of the Cluster has the key: nothing was carried out.

    ``host`` and ``port`` say which; ``asking`` when it does not own the key's slot yet, and
    wants to be told that the sender knows.
    """

    def __init__(self, message: str, host: str, port: int, *, asking: bool) -> None:
        super().__init__(message)
        self.host = host
        self.port = port
        self.asking = asking


class Waiting(NamedTuple):
    """Commands that somebody gave, and where he waits for the replies."""

    commands: Sequence[Command]
    replies: asyncio.Future[list[Reply]]


class Link:
    """The connections of one process to one server.

    ``monotonic`` is the clock in seconds by which a server that failed is left alone.
    """

    def __init__(
        self,
        address: Address,
        settings: StoreSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._settings = settings
        self._monotonic = monotonic
        self._idle: list[AbstractConnection] = []
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._pause = 0.0
        self._retry_at = 0.0
        self._trouble = ""
        self._waiting: list[Waiting] = []
        self._exchanges: set[asyncio.Task[None]] = set()

    @property
    def is_failing(self) -> bool:
        """Whether the last exchange went wrong."""
        return self._pause > 0

    async def run(self, commands: Sequence[Command]) -> list[Reply]:
        """One reply a command; a command that Redis refused has its `StoreError` as reply.

        Raises `StoreError` when the server could not be asked or did not answer in time.
        """
        if self._pause and self._monotonic() < self._retry_at:
            message = f"redis {self.address}: {self._trouble} (left alone for a moment)"
            raise UnreachableError(message)
        loop = asyncio.get_running_loop()
        waiting = Waiting(commands, loop.create_future())
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            loop.call_soon(self._send)
        return await waiting.replies

    def _send(self) -> None:
        """Sends what was given since the last turn of the loop."""
        given, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        for batch in _batches(given):
            exchange = loop.create_task(self._serve(batch))
            self._exchanges.add(exchange)
            exchange.add_done_callback(self._exchanges.discard)

    async def _serve(self, batch: Sequence[Waiting]) -> None:
        """Exchanges the commands of several callers, and gives each his replies."""
        try:
            replies = iter(await self._run([c for waiting in batch for c in waiting.commands]))
        except BaseException as error:
            for waiting in batch:
                if not waiting.replies.done():
                    waiting.replies.set_exception(_alike(error))
            if not isinstance(error, StoreError):
                raise
            return
        for waiting in batch:
            own = [next(replies) for _ in waiting.commands]
            if not waiting.replies.done():
                waiting.replies.set_result(own)

    async def _run(self, commands: Sequence[Command]) -> list[Reply]:
        connection = None
        try:
            async with asyncio.timeout(self._settings.timeout), self._slots:
                connection = await self._take()
                replies = await self._exchange(connection, commands)
        except TimeoutError as error:
            trouble = f"no answer within {self._settings.timeout:g} s"
            raise await self._failed(trouble, connection) from error
        except (RedisError, OSError) as error:
            trouble = str(error) or type(error).__name__
            raise await self._failed(trouble, connection) from error
        self._pause = 0.0
        return replies

    async def _exchange(
        self, connection: AbstractConnection, commands: Sequence[Command]
    ) -> list[Reply]:
        try:
            packed = connection.pack_commands(commands)
            await connection.send_packed_command(packed, check_health=False)
            replies = [await receive(connection) for _ in commands]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._idle.append(connection)
        return replies

    async def _take(self) -> AbstractConnection:
        """A connection that is open and has nothing left to read."""
        while self._idle:
            connection = self._idle.pop()
            # the server may have closed it since, or restarted
            try:
                if not await connection.can_read():
                    return connection
            except RedisError:
                pass
            await connection.disconnect(nowait=True)
        connection = build_connection(self.address, self._settings)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis does not say
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def _failed(self, trouble: str, connection: AbstractConnection | None) -> StoreError:
        """Notes a failure; those of calls that were under way together count once."""
        now = self._monotonic()
        if not self._pause or now >= self._retry_at:
            self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
            self._retry_at = now + self._pause
        self._trouble = trouble
        await self._drop(nowait=True)
        kind = UnreachableError if connection is None else StoreError
        return kind(f"redis {self.address}: {trouble}")

    async def close(self) -> None:
        """Closes the connections, in peace, when what is under way has its replies."""
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        await self._drop(nowait=False)

    async def _drop(self, *, nowait: bool) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.disconnect(nowait=nowait)


def _batches(given: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    """Those that travel together: up to ``TOGETHER`` commands, nobody's torn apart."""
    batch: list[Waiting] = []
    count = 0
    for waiting in given:
        if batch and count + len(waiting.commands) > TOGETHER:
            yield batch
            batch, count = [], 0
        batch.append(waiting)
        count += len(waiting.commands)
    if batch:
        yield batch


def _alike(error: BaseException) -> StoreError:
    """The error for one of several callers: each has one of his own to raise."""
    if isinstance(error, StoreError):
        own = type(error)(str(error), temporary=error.temporary)
        own.__cause__ = error.__cause__
        return own
    return StoreError(f"redis: the exchange ended: {type(error).__name__}")


async def receive(connection: AbstractConnection) -> Reply:
    """The next reply; raises what makes the connection useless."""
    try:
        return translate(await connection.read_response())
    except ResponseError as error:
        return refused(error)


def translate(reply: object) -> Reply:
    """A reply without exceptions of ``redis`` in it, as ``EXEC`` may have."""
    if isinstance(reply, list):
        return [translate(item) for item in reply]
    if isinstance(reply, RedisError):
        return refused(reply)
    if reply is None or isinstance(reply, bytes | int):
        return reply
    return StoreError(f"redis: a reply of type {type(reply).__name__}")


def refused(error: RedisError) -> StoreError:
    """What a command was refused for; only the plain kind lies with the caller."""
    if isinstance(error, NoScriptError):
        return ScriptUnknownError(f"redis: {error}")
    if isinstance(error, AskError):
        asking = not isinstance(error, MovedError)
        return RedirectedError(f"redis: {error}", error.host, error.port, asking=asking)
    if isinstance(error, ReadOnlyError) or "-READONLY " in str(error):
        return ReplicaError(f"redis: {error}")
    return StoreError(f"redis: {error}", temporary=type(error) is not ResponseError)


def build_connection(address: Address, settings: StoreSettings) -> AbstractConnection:
    """A connection that is not open yet. Time-outs are the caller's: one for all steps."""
    common: dict[str, Any] = {
        "db": settings.db,
        "username": settings.username,
        "password": settings.password,
        "socket_timeout": None,
        "socket_connect_timeout": settings.timeout,
        "protocol": 2,
    }
    if address.path:
        return UnixDomainSocketConnection(path=address.path, **common)
    common |= {"host": address.host, "port": address.port}
    if not settings.ssl:
        return Connection(**common)
    return SSLConnection(
        **common,
        ssl_ca_certs=settings.ssl_ca,
        ssl_ca_path=settings.ssl_ca_dir,
        ssl_certfile=settings.ssl_cert,
        ssl_keyfile=settings.ssl_key,
        ssl_cert_reqs="none" if settings.no_ssl_verify else "required",
        ssl_check_hostname=not settings.no_ssl_verify,
    )
