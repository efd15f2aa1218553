# SPDX-License-Identifier: Apache-2.0
"""Which servers does a ``servers`` option name?"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from gatepost.store.errors import StoreError

DEFAULT_PORT = 6379

# Rspamd's upstream strategies; with one server to write to they all come to the same
STRATEGIES = ("master-slave", "round-robin", "random", "hash", "sequential", "rotation", "hashed")
_STRATEGY = re.compile(f"(?:{'|'.join(STRATEGIES)}):")
_ADDRESS = re.compile(
    r"(?:\[(?P<v6>[0-9a-fA-F:.%\w]+)\]|(?P<host>[^\s:\[\]/]+))(?::(?P<port>\d{1,5}))?(?::\d+)?"
)


class Address(NamedTuple):
    """Where one server listens: ``host`` and ``port``, or the ``path`` of its socket."""

    host: str
    port: int
    path: str

    def __str__(self) -> str:
        if self.path:
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_servers(servers: Iterable[str], default_port: int = DEFAULT_PORT) -> list[Address]:
    """The servers in the order they are written, each once.

    Each text may name several, with commas or blanks between. Raises `StoreError` for what
    is no address.
    """
    found: dict[Address, None] = {}
    for text in servers:
        for name in re.split(r"[\s,;]+", _STRATEGY.sub("", text.strip(), count=1)):
            if name:
                found[parse_address(name, default_port)] = None
    return list(found)


def parse_address(name: str, default_port: int = DEFAULT_PORT) -> Address:
    """``host``, ``host:port``, ``host:port:weight``, ``[v6]:port``, ``/path`` or ``unix:/path``."""
    path = name.removeprefix("unix:")
    if path.startswith("/"):
        return Address("", 0, path)
    if name.count(":") > 1 and re.fullmatch(r"[0-9a-fA-F:.]*::[0-9a-fA-F:.]*", name):
        return Address(name, default_port, "")
    match = _ADDRESS.fullmatch(name)
    port = int(match["port"] or default_port) if match else 0
    # A strategy alone has lost its servers; as a host it could not be written down again.
    if match is None or not 0 < port < 65536 or match["host"] in STRATEGIES:
        message = f"redis: {name!r} is no server: expected host, host:port or /path/of/socket"
        raise StoreError(message, temporary=False)
    return Address(match["v6"] or match["host"], port, "")
