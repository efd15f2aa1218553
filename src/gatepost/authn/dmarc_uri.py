# SPDX-License-Identifier: Apache-2.0
"""Where may a DMARC report go? The URIs of ``rua`` and ``ruf``, and whether their hosts agree.

RFC 7489 6.2, 6.4 (syntax, size limits) and 7.1 (a destination under somebody else's domain has
to say that it wants the reports).
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import msgspec

from gatepost.net import find_query_name

MAX_URIS = 10
"""URIs of one list that are read. RFC 7489 6.2 wants two at least."""
MAX_URI = 512  # characters; `mailto:` and an address, percent-encoded, are shorter

UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}  # powers of two (RFC 7489 6.4)
URI = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{0,31}):(?P<rest>[!-~]+?)"
    r"(?:!(?P<size>[0-9]{1,20})(?P<unit>[kmgt]?))?",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64})@([A-Za-z0-9_.-]{1,253})")
HOST = re.compile(r"//(?:[^/?#@]*@)?([A-Za-z0-9_.-]{1,253})(?::[0-9]{0,5})?(?:[/?#]|\Z)")


class ReportUri(msgspec.Struct, frozen=True):
    """One destination. ``uri`` is as published, without its size limit.

    ``address`` is the mailbox of a ``mailto`` and empty for every other scheme; ``host`` the
    domain of either, as A-labels. ``max_size``: bytes of the report as sent, ``None`` no limit.
    """

    uri: str
    host: str
    address: str = ""
    max_size: int | None = None

    def takes(self, size: int) -> bool:
        """Whether a report of ``size`` bytes, compressed and encoded, may go there."""
        return self.max_size is None or size <= self.max_size


class Uris(msgspec.Struct, frozen=True):
    """A list that was read, and what of it was not understood."""

    uris: tuple[ReportUri, ...] = ()
    faults: tuple[str, ...] = ()


def parse_report_uris(text: str) -> Uris:
    """Reads a comma-separated list; at most ten URIs, each address once."""
    uris: list[ReportUri] = []
    faults: list[str] = []
    for part in text.split(",", MAX_URIS)[:MAX_URIS]:
        uri = parse_report_uri(part.strip(" \t"))
        if uri is None:
            faults.append(f"no report URI: {part.strip()[:80]!r}")
        elif uri not in uris:
            uris.append(uri)
    if text.count(",") >= MAX_URIS:
        faults.append(f"more than {MAX_URIS} report URIs")
    return Uris(tuple(uris), tuple(faults))


def parse_report_uri(text: str) -> ReportUri | None:
    """One URI with its size limit, such as ``mailto:d@example.org!10m``; ``None`` if it is none.

    A ``mailto`` that names more than one mailbox, or one that no SMTP server would take without
    extensions, is none: the text is a stranger's.
    """
    found = URI.fullmatch(text) if len(text) <= MAX_URI else None
    if found is None or "!" in found["rest"]:
        return None
    size = None
    if found["size"] is not None:
        size = int(found["size"])
        if size >= 1 << 64:  # RFC 7489 6.4
            return None
        size <<= UNITS[found["unit"].lower()]
    uri = f"{found['scheme']}:{found['rest']}"
    if found["scheme"].lower() == "mailto":
        address = parse_mailbox(found["rest"])
        return ReportUri(uri, address.rpartition("@")[2], address, size) if address else None
    host = HOST.match(found["rest"])
    name = find_query_name(host[1]) if host else None
    return ReportUri(uri, name, "", size) if name else None


def parse_mailbox(rest: str) -> str | None:
    """The one mailbox after ``mailto:`` (RFC 6068), its domain as A-labels."""
    raw = unquote_to_bytes(rest.partition("?")[0])
    try:
        found = ADDRESS.fullmatch(raw.decode("ascii"))
    except UnicodeDecodeError:
        return None
    if found is None or ".." in found[1] or found[1][0] == "." or found[1][-1] == ".":
        return None
    host = find_query_name(found[2])
    return f"{found[1]}@{host}" if host and "." in host else None
