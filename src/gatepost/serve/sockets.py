# SPDX-License-Identifier: Apache-2.0
"""How are listening sockets opened, kept over a reload, and closed?

The supervisor opens them once and the workers inherit them. A socket that two configurations
share stays open from one to the next, so that no client is refused in between; the sockets
of UNIX paths are removed when their listener goes, and only if they are still ours.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import socket
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from gatepost.serve.bind_address import DEFAULT_MODE, BindAddress
from gatepost.serve.errors import BindError

BACKLOG = 1024  # connections; the kernel's somaxconn bounds it
FIRST_INHERITED = 3  # sd_listen_fds(3): SD_LISTEN_FDS_START
PORT_TRIES = 20  # for a free port that two address families can share
_MISSING_FAMILY = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

_Key = tuple[BindAddress, int]
_Address = tuple[socket.AddressFamily, tuple[str, int]]


class _Bound(NamedTuple):
    sockets: tuple[socket.socket, ...]
    inode: tuple[int, int] | None
    """Device and number of a UNIX path's socket."""


class SocketSet:
    """The listening sockets of one configuration."""

    def __init__(self, bound: dict[_Key, _Bound]) -> None:
        self._bound = bound

    @classmethod
    def open(cls, wanted: Sequence[BindAddress], held: SocketSet | None = None) -> SocketSet:
        """Opens what is ``wanted``, taking over what ``held`` has already.

        Raises ``BindError`` with nothing changed.
        """
        kept = held._bound if held is not None else {}
        bound: dict[_Key, _Bound] = {}
        try:
            for address in wanted:
                key = _key(address, bound)
                bound[key] = kept[key] if _is_usable(kept.get(key), address) else _open(address)
            for address in wanted:
                if address.path:
                    _set_access(address)
        except BaseException:
            cls(bound).close_all_but(held)
            raise
        return cls(bound)

    def of(self, addresses: Sequence[BindAddress]) -> list[tuple[socket.socket, ...]]:
        """The sockets of each address; for all of ``wanted``, in its order."""
        seen: dict[_Key, _Bound] = {}
        found = []
        for address in addresses:
            key = _key(address, seen)
            seen[key] = self._bound[key]
            found.append(self._bound[key].sockets)
        return found

    def close_all_but(self, other: SocketSet | None, *, remove: bool = True) -> None:
        """Closes all sockets but those that ``other`` has too.

        ``remove`` takes UNIX paths away; a worker, which has but a copy, lets them be.
        """
        kept = other._bound if other is not None else {}
        for key, bound in self._bound.items():
            if kept.get(key) is bound:
                continue
            if remove and bound.inode is not None:
                _unlink(key[0].path, bound.inode)
            for sock in bound.sockets:
                sock.close()


def shown(sock: socket.socket) -> str:
    """``address:port``, ``[v6]:port`` or a path: where a client finds the socket."""
    name = sock.getsockname()
    if isinstance(name, tuple):
        host, port = name[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return os.fsdecode(name)


def _key(address: BindAddress, taken: dict[_Key, _Bound]) -> _Key:
    """What makes a socket the same one; any number may ask for "some free port"."""
    identity = replace(address, ssl=False, mode=DEFAULT_MODE, owner="", group="")
    number = 0
    while (identity, number) in taken:
        if address.port or not address.host:
            raise BindError(f"cannot listen on {address}: it is asked for twice")
        number += 1
    return identity, number


def _is_usable(bound: _Bound | None, address: BindAddress) -> bool:
    """Whether clients still find it: a UNIX path may have been removed or taken over."""
    if bound is None or bound.inode is None:
        return bound is not None
    try:
        return _inode(address.path) == bound.inode
    except OSError:
        return False


def _inode(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _open(address: BindAddress) -> _Bound:
    try:
        if address.path:
            return _open_unix(address.path)
        if address.systemd:
            return _Bound((_inherited(address),), None)
        return _Bound(_open_tcp(address), None)
    except OSError as error:
        raise BindError(f"cannot listen on {address}: {error.strerror or error}") from error


def _open_tcp(address: BindAddress) -> tuple[socket.socket, ...]:
    addresses = _addresses(address.host, address.port)
    for _ in range(PORT_TRIES):
        try:
            return _bind_all(addresses)
        except OSError as error:
            if address.port or error.errno != errno.EADDRINUSE:
                raise
    raise BindError(f"cannot listen on {address}: no port is free for IPv4 and IPv6")


def _bind_all(addresses: list[_Address]) -> tuple[socket.socket, ...]:
    """Binds all of them to one port; a family that the machine has not is left out."""
    opened: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, (host, port) in addresses:
            if not port and opened:
                port = opened[0].getsockname()[1]
            try:
                opened.append(_bind(family, host, port))
            except OSError as error:
                if error.errno not in _MISSING_FAMILY:
                    raise
                missing = error
        if not opened and missing is not None:
            raise missing
    except BaseException:
        for sock in opened:
            sock.close()
        raise
    return tuple(opened)


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _addresses(host: str, port: int) -> list[_Address]:
    v4, v6 = socket.AF_INET, socket.AF_INET6
    match host:
        case "*":
            return [(v4, ("0.0.0.0", port)), (v6, ("::", port))]
        case "*v4":
            return [(v4, ("0.0.0.0", port))]
        case "*v6":
            return [(v6, ("::", port))]
        case "localhost":  # RFC 6761 6.3: a name for the loopback addresses, whatever hosts(5) says
            return [(v4, ("127.0.0.1", port)), (v6, ("::1", port))]
    kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
    # Runs in the supervisor, which has no loop to block.
    found = socket.getaddrinfo(host, port, type=kind, flags=flags)  # noqa: TID251
    return list(dict.fromkeys((family, (str(at[0]), port)) for family, _, _, _, at in found))


def _open_unix(path: str) -> _Bound:
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777)  # nobody gets in before mode and owner are set
    try:
        sock.bind(path)
        sock.listen(BACKLOG)
        sock.setblocking(False)
        return _Bound((sock,), _inode(path))
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(mask)


def _remove_stale(path: str) -> None:
    """Removes the socket of a server that ended without a word. Raises ``BindError``."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise BindError(f"cannot listen on {path}: there is a file of that name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full backlog means somebody is there
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass
    raise BindError(f"cannot listen on {path}: another process does")


def _set_access(address: BindAddress) -> None:
    path = address.path
    try:
        owner = _number(address.owner, lambda name: pwd.getpwnam(name).pw_uid)
        group = _number(address.group, lambda name: grp.getgrnam(name).gr_gid)
        if (owner, group) != (-1, -1):
            os.chown(path, owner, group)
        os.chmod(path, address.mode)
    except KeyError as error:
        raise BindError(f"cannot listen on {path}: {error.args[0]}") from error
    except OSError as error:
        raise BindError(f"cannot listen on {path}: {error.strerror}") from error


def _number(name: str, look_up: Callable[[str], int]) -> int:
    if not name:
        return -1
    return int(name) if name.isascii() and name.isdigit() else look_up(name)


def _unlink(path: str, inode: tuple[int, int]) -> None:
    try:
        if _inode(path) == inode:
            os.unlink(path)
    except OSError:  # gone, or the folder is not ours any more: nothing depends on it
        pass


def _inherited(address: BindAddress) -> socket.socket:
    """A copy of a socket that systemd opened for us; see sd_listen_fds(3)."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise BindError(f"cannot listen on {address}: systemd has handed over no socket")
    told = os.environ.get("LISTEN_FDS", "")
    count = int(told) if told.isascii() and told.isdigit() else 0
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")[:count]
    if address.systemd.isdigit():
        number = int(address.systemd)
    else:
        number = names.index(address.systemd) if address.systemd in names else count
    if number >= count:
        raise BindError(f"cannot listen on {address}: systemd has handed over {count} sockets")
    sock = socket.socket(fileno=os.dup(FIRST_INHERITED + number))
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.close()
        raise BindError(f"cannot listen on {address}: it is no listening socket")
    os.set_inheritable(sock.fileno(), False)
    sock.setblocking(False)
    return sock
