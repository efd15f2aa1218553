# SPDX-License-Identifier: Apache-2.0
"""Around the letter: what the MTA told us of client, sender, recipients and user.

Every front end hands over request headers in Rspamd's words (``IP``, ``From``, ``Rcpt``,
``User`` ...); ``parse_envelope`` makes an ``Envelope`` of them. It never raises: a bad
value is noted in ``broken`` and treated as absent.

Source: core reference §6.1; an empty user is none, DESIGN §3. SPAMC's ``User`` is whose
preferences to use, not who sent the mail: nobody is authenticated there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec

from gatepost.mail import Address, ReceivedHop

IPAddress = IPv4Address | IPv6Address
MAX_RECIPIENTS = 1024
MAX_ADDRESS = 1024  # RFC 5321 4.5.3.1 allows 254; IDN and routes are longer
ARTIFICIAL = {
    (user, tls): frozenset(
        ("artificial", *(("authenticated",) if user else ()), *(("ssl",) if tls else ()))
    )
    for user in (False, True)
    for tls in (False, True)
}
LOG_TAG = re.compile(r"[A-Za-z0-9_.-]{1,20}")  # as many as Rspamd keeps of it
QUOTED = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
PATH = re.compile(rf'(?:{QUOTED}|<(?:[^<>"]++|{QUOTED})*+>?|[^,"<]++)++', re.DOTALL)


class Envelope(msgspec.Struct, kw_only=True):
    """What is known of a message apart from its bytes. Absent things are ``None`` or empty.

    ``sender`` is ``None`` when nobody told us, and has an empty ``addr`` for a bounce.
    ``ip_guessed``: the address was taken from a Received header, so it proves nothing.
    ``socket_path``: the client came over a UNIX socket, which is always local.
    ``relay``: who connected, where the client is somebody behind that relay of ours;
    ``resolved_by`` names the rules that say so.
    """

    ip: IPAddress | None = None
    ip_guessed: bool = False
    socket_path: str = ""
    relay: str = ""
    resolved_by: tuple[str, ...] = ()
    hostname: str | None = None
    helo: str | None = None
    sender: Address | None = None
    recipients: tuple[Address, ...] = ()
    user: str | None = None
    deliver_to: str | None = None
    queue_id: str = "undef"
    headers: dict[str, list[str]] = {}
    flags: frozenset[str] = frozenset()
    broken: tuple[str, ...] = ()
    peer: str = ""
    protocol: str = "http"

    def header(self, name: str) -> str | None:
        """The first request header of this name (any case), known to us or not."""
        values = self.headers.get(name.lower())
        return values[0] if values else None


def parse_envelope(
    headers: Iterable[tuple[str, str]],
    *,
    peer: str = "",
    protocol: str = "http",
    max_recipients: int = MAX_RECIPIENTS,
) -> Envelope:
    """Reads request headers. Names are case-insensitive; repeated ``Rcpt`` lines add up."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    envelope = Envelope(headers=found, peer=peer, protocol=protocol)
    broken: list[str] = []

    def first(name: str) -> str | None:
        values = found.get(name)
        return values[0].strip() if values else None

    _read_client(envelope, first("ip"), broken)
    envelope.hostname = _hostname(first("hostname"))
    envelope.helo = first("helo") or None
    sender = first("from")
    if sender is not None:
        envelope.sender = envelope_address(sender)
        if envelope.sender is None:
            broken.append("From")
    envelope.recipients = _recipients(found.get("rcpt", ()), max_recipients, broken)
    deliver_to = envelope_address(first("deliver-to") or "")
    envelope.deliver_to = deliver_to.addr.lower() if deliver_to and deliver_to.addr else None
    envelope.user = (first("user") or None) if protocol != "spamc" else None
    envelope.queue_id = first("queue-id") or "undef"
    envelope.flags = _flags(found)
    envelope.broken = tuple(broken)
    return envelope


def envelope_address(text: str) -> Address | None:
    """An SMTP path: ``<user@domain>``, ``user@domain`` or ``<>`` (RFC 5321 4.1.2).

    A source route (``<@a,@b:user@c>``) is dropped. ``None`` when it is no address at all.
    """
    raw = text.strip()
    if len(raw) > MAX_ADDRESS:
        return None
    path = raw[1:-1].strip() if raw.startswith("<") and raw.endswith(">") else raw
    if path.startswith("@") and ":" in path:
        path = path.partition(":")[2]
    if any(c in path for c in "\r\n\0<>"):
        return None
    user, at, domain = path.rpartition("@")
    if not at:
        user, domain = path, ""
    return Address(addr=path, user=user, domain=domain.lower(), name="", raw=raw)


def client_hop(envelope: Envelope) -> ReceivedHop:
    """The client as a hop, with the flag ``artificial``: what a Received header would tell."""
    return ReceivedHop(
        from_hostname=envelope.helo,
        real_hostname=envelope.hostname,
        real_ip=envelope.ip,
        flags=ARTIFICIAL[bool(envelope.user), "ssl" in envelope.flags],
    )


def is_rspamc(envelope: Envelope) -> bool:
    """True for a scan by hand: rspamc's user agent, or a controller's password."""
    return envelope.header("User-Agent") == "rspamc" or "password" in envelope.headers


def log_tag(envelope: Envelope) -> str:
    """What the id of the scan is to begin with; empty if nobody says, or says nonsense."""
    tag = envelope.header("Log-Tag") or ""
    return tag if LOG_TAG.fullmatch(tag) else ""


def _read_client(envelope: Envelope, value: str | None, broken: list[str]) -> None:
    if not value:
        return
    if value.startswith("/"):
        envelope.socket_path = value
        return
    text = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if text[:5].lower() == "ipv6:":
        text = text[5:]
    try:
        address: IPAddress = ip_address(text.partition("%")[0])
    except ValueError:
        broken.append("IP")
        return
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    envelope.ip = mapped or address


def _hostname(value: str | None) -> str | None:
    # A failed PTR look-up arrives as "unknown" (milter), "[1.2.3.4]" (Exim) or
    # "NXDOMAIN" (Haraka): none of them is a name.
    if not value or value.startswith("[") or value in ("unknown", "NXDOMAIN", "DNSERROR"):
        return None
    return value


def _recipients(values: Iterable[str], limit: int, broken: list[str]) -> tuple[Address, ...]:
    found: list[Address] = []
    for value in values:
        for path in _split_paths(value) if "," in value else (value,):
            if len(found) >= limit:
                return tuple(found)
            address = envelope_address(path)
            if address is None:
                if "Rcpt" not in broken:
                    broken.append("Rcpt")
            elif address.addr:
                found.append(address)
    return tuple(found)


def _split_paths(value: str) -> list[str]:
    """Splits a comma-separated list of paths; commas inside quotes or ``<>`` do not count."""
    return [piece for piece in PATH.findall(value) if piece.strip()]


def _flags(found: dict[str, list[str]]) -> frozenset[str]:
    flags = {
        flag.strip().lower().replace("-", "_")
        for value in found.get("flags", ())
        for flag in value.split(",")
        if flag.strip()
    }
    if found.get("pass", [""])[0].strip().lower() == "all":
        flags.add("pass_all")
    if found.get("log", [""])[0].strip().lower() == "no":
        flags.add("no_log")
    if found.get("milter", [""])[0].strip().lower() == "yes":
        flags.add("milter")
    if found.get("url-format", [""])[0].strip().lower() == "extended":
        flags.add("ext_urls")
    if found.get("raw", [""])[0].strip().lower() == "yes":
        flags.add("raw")
    if "profile" in found:
        flags.add("profile")
    if "tls-cipher" in found:
        flags.add("ssl")
    return frozenset(flags)
