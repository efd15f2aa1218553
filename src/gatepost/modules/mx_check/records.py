# SPDX-License-Identifier: Apache-2.0
"""What is known of a domain and of a host, and how the store keeps it.

The texts are Rspamd's (direction-modules reference §9), so that both can share a Redis: ``d:``
``mx:host:preference,…``, ``a:FAMILIES:ip,…``, ``no``, ``null``, ``bkn``, ``df``; ``m:``
``FAMILIES:ip,…``, ``no``, ``df``. A text that cannot be read is none.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from gatepost.modules.mx_check.addresses import read_addresses
from gatepost.net import Mx
from gatepost.scan.envelope import IPAddress

Families = Literal["v4", "v6", "v64"]
"""Which addresses were asked for."""

MAX_ENTRIES = 32  # of a kept list that are read


class Domain(NamedTuple):
    """Where a domain takes mail: ``targets`` by preference, or its own ``addresses`` (``host``).

    ``state`` is ``mx``, ``a``, ``no`` (nowhere), ``null`` (RFC 7505), ``bkn`` (no usable target),
    or ``df`` (the DNS does not answer).
    """

    state: str
    targets: tuple[Mx, ...] = ()
    host: Host | None = None

    def to_text(self) -> str:
        """As the store keeps it."""
        if self.state == "mx":
            return "mx:" + ",".join(f"{mx.host}:{mx.preference}" for mx in self.targets)
        return self.state if self.host is None else f"a:{self.host.to_text()}"


class Host(NamedTuple):
    """The addresses of a host. ``state`` is ``ok``, ``no`` (there are none), ``df`` (who knows),
    or ``other`` (there are some, but of a family that nobody wanted)."""

    state: str
    families: Families = "v4"
    addresses: tuple[IPAddress, ...] = ()

    def to_text(self) -> str:
        """As the store keeps it."""
        if self.state != "ok":
            return self.state
        return f"{self.families}:" + ",".join(map(str, self.addresses))


def parse_domain(text: str, wanted: Families) -> Domain | None:
    """What was kept of a domain; ``None`` where it does not tell of the families ``wanted``."""
    kind, _, rest = text.partition(":")
    if kind == "mx":
        targets = [_parse_target(entry) for entry in rest.split(",")[:MAX_ENTRIES]]
        known = tuple(target for target in targets if target is not None)
        return Domain("mx", known) if known and len(known) == len(targets) else None
    if kind == "a":
        host = parse_host(rest, wanted)
        return None if host is None or host.state != "ok" else Domain("a", host=host)
    return Domain(kind) if kind in ("no", "null", "bkn", "df") and not rest else None


def parse_host(text: str, wanted: Families) -> Host | None:
    """What was kept of a host, of the families ``wanted``; ``None`` if those are missing."""
    if text in ("no", "df"):
        return Host(text)
    families, _, rest = text.partition(":")
    if families not in ("v4", "v6", "v64") or families not in (wanted, "v64"):
        return None
    versions = {"v4": (4,), "v6": (6,), "v64": (4, 6)}[wanted]
    found = read_addresses(rest.split(",")[:MAX_ENTRIES])
    addresses = tuple(ip for ip in found if ip.version in versions)
    return Host("ok", wanted, addresses) if addresses else None


def _parse_target(entry: str) -> Mx | None:
    host, _, preference = entry.rpartition(":")
    if not host or not (preference.isascii() and preference.isdigit()):
        return None
    return Mx(int(preference[:5]), host)
