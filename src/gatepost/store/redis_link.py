# SPDX-License-Identifier: Apache-2.0
"""How do commands get to one Redis server and replies back?

The only file that sees an exception of ``redis``. Commands that are given together travel
together: one write, one wait. Connections are made when needed and used by one caller at a
time; one that failed, timed out or was cancelled is thrown away, since its replies
can no longer be told apart. After a failure the server is left alone for a moment that
doubles each time, so that a dead server costs a message nothing.

No command is ever sent twice: nobody knows whether the first one was carried out.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

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
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0


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
        """Closes the connections that nobody uses just now, in peace."""
        await self._drop(nowait=False)

    async def _drop(self, *, nowait: bool) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.disconnect(nowait=nowait)


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
    if address.path:
        return UnixDomainSocketConnection(
            path=address.path,
            db=settings.db,
            username=settings.username,
            password=settings.password,
            socket_timeout=None,
            socket_connect_timeout=settings.timeout,
            protocol=2,
        )
    if not settings.ssl:
        return Connection(
            host=address.host,
            port=address.port,
            db=settings.db,
            username=settings.username,
            password=settings.password,
            socket_timeout=None,
            socket_connect_timeout=settings.timeout,
            protocol=2,
        )
    return SSLConnection(
        host=address.host,
        port=address.port,
        db=settings.db,
        username=settings.username,
        password=settings.password,
        socket_timeout=None,
        socket_connect_timeout=settings.timeout,
        protocol=2,
        ssl_ca_certs=settings.ssl_ca,
        ssl_ca_path=settings.ssl_ca_dir,
        ssl_certfile=settings.ssl_cert,
        ssl_keyfile=settings.ssl_key,
        ssl_cert_reqs="none" if settings.no_ssl_verify else "required",
        ssl_check_hostname=not settings.no_ssl_verify,
    )
