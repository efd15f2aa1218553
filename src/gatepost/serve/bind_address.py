# SPDX-License-Identifier: Apache-2.0
"""What does a ``bind_socket`` line say?

Source: core reference §10.1.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from gatepost.serve.errors import BindError

SHAPES = "host:port, *:port, *v4:port, *v6:port, [::1]:port, /path or systemd:N"
MAX_PATH = 107  # bytes of a UNIX socket's path (unix(7): 108 with the final NUL)
DEFAULT_MODE = 0o644

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253}[A-Za-z0-9_.])?")
_SYSTEMD = re.compile(r"[A-Za-z0-9_.@-]{1,255}")


@dataclass(frozen=True, slots=True)
class BindAddress:
    """One ``bind_socket``: either ``host`` and ``port``, or ``path``, or ``systemd``."""

    host: str = ""
    """A name, an IP literal without brackets, or ``*``, ``*v4``, ``*v6``."""
    port: int = 0
    """0: one that the kernel chooses."""
    path: str = ""
    mode: int = DEFAULT_MODE
    owner: str = ""
    """User name or number; empty: who runs us. ``group`` likewise."""
    group: str = ""
    systemd: str = ""
    """Number, from 0, or name of a socket that systemd hands over."""
    ssl: bool = False

    def __str__(self) -> str:
        """The address as it is written, without its options."""
        if self.path:
            return self.path
        if self.systemd:
            return f"systemd:{self.systemd}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_bind(text: str, *, default_port: int = 0) -> BindAddress:
    """Reads one ``bind_socket``; ``default_port`` stands in where none is written.

    Raises ``BindError``, which says what was expected.
    """
    words = text.split()
    if not words:
        raise BindError(f"an empty address; expected {SHAPES}")
    address, options = words[0], words[1:]
    ssl = "ssl" in options
    options = [option for option in options if option != "ssl"]
    if address.startswith(("/", "./")):
        return _unix(address, options, ssl=ssl)
    if options:
        raise BindError(f"{text!r}: {options[0]!r} is not for an IP address; only 'ssl' may follow")
    if address.startswith("systemd:"):
        name = address.removeprefix("systemd:")
        if not _SYSTEMD.fullmatch(name):
            raise BindError(f"{text!r}: expected systemd:N, N the number or name of a socket")
        return BindAddress(systemd=name, ssl=ssl)
    host, port = _split(address)
    return BindAddress(host=host, port=_port(port, text, default_port), ssl=ssl)


def _split(address: str) -> tuple[str, str]:
    """Host and port as text; an absent port is empty."""
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or not _is_ipv6(host):
            raise BindError(f"{address!r}: expected [IPv6 address]:port")
        return host, rest[1:]
    if _is_ipv6(address):
        return address, ""
    host, colon, port = address.partition(":")
    if colon and not port:
        raise BindError(f"{address!r}: expected a port after the colon")
    if host not in ("*", "*v4", "*v6") and not _HOST.fullmatch(host):
        raise BindError(f"{address!r} is no address; expected {SHAPES}")
    if host.isdigit():
        raise BindError(f"{address!r} has no host; expected {SHAPES}")
    return host, port


def _port(port: str, text: str, default: int) -> int:
    if not port:
        return default
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise BindError(f"{text!r}: expected a port from 0 to 65535, found {port!r}")
    return int(port)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _unix(path: str, options: list[str], *, ssl: bool) -> BindAddress:
    if len(path.encode()) > MAX_PATH:
        raise BindError(f"{path!r} is too long for a UNIX socket: at most {MAX_PATH} bytes")
    mode, owner, group = DEFAULT_MODE, "", ""
    for option in options:
        name, _, value = option.partition("=")
        if name == "mode" and re.fullmatch(r"(?:0o)?[0-7]{1,4}", value):
            mode = int(value.removeprefix("0o"), 8)
        elif name == "owner" and value:
            owner = value
        elif name == "group" and value:
            group = value
        else:
            raise BindError(
                f"{path!r}: expected mode=OCTAL, owner=USER, group=GROUP or ssl, found {option!r}"
            )
    return BindAddress(path=path, mode=mode, owner=owner, group=group, ssl=ssl)
