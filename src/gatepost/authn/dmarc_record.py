# SPDX-License-Identifier: Apache-2.0
"""What does a domain ask of those who get mail in its name? The DMARC record, found and read.

RFC 7489 6.1, 6.3, 6.4 (syntax) and 6.6.3 (discovery, with the Public Suffix List).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

import msgspec

from gatepost.authn.dmarc_uri import ReportUri, parse_report_uris
from gatepost.mail import registrable_domain
from gatepost.net import Resolver, find_query_name

MAX_RECORD = 8192
"""Bytes of a record that is read. The longest seen in the wild have about 1,000."""
MAX_USUAL = 512
"""Bytes of a record that is worth remembering: the same few thousand authors write every day."""
MAX_TAGS = 64
"""Tags of a record. RFC 7489 knows eleven."""
MAX_RECORDS = 100
"""TXT records of one answer that are looked at."""

Policy: TypeAlias = Literal["none", "quarantine", "reject"]
Alignment: TypeAlias = Literal["r", "s"]
DiscoveryError: TypeAlias = Literal["", "temperror", "permerror"]

POLICIES: dict[str, Policy] = {name: name for name in get_args(Policy)}
ALIGNMENTS: dict[str, Alignment] = {name: name for name in get_args(Alignment)}

# The version comes first and is written exactly so, whatever the case of the tag's name.
VERSION = re.compile(rb"[ \t\r\n]*[vV][ \t\r\n]*=[ \t\r\n]*DMARC1[ \t\r\n]*(?:;|\Z)")
TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*", re.DOTALL)


class DmarcRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record with the defaults of RFC 7489 6.3 filled in.

    ``error``: why no policy can be taken from it (6.6.3, step 6); everything else is then
    without meaning. ``faults``: tags that were ignored, for a log or a check of one's own
    record. ``subdomain_policy``: ``None`` when there is no ``sp``. ``ri`` in seconds.
    """

    policy: Policy = "none"
    subdomain_policy: Policy | None = None
    percent: int = 100
    dkim_alignment: Alignment = "r"
    spf_alignment: Alignment = "r"
    rua: tuple[ReportUri, ...] = ()
    ruf: tuple[ReportUri, ...] = ()
    failure_options: tuple[str, ...] = ("0",)
    failure_formats: tuple[str, ...] = ("afrf",)
    interval: int = 86_400
    error: str = ""
    faults: tuple[str, ...] = ()

    def policy_for(self, *, subdomain: bool) -> Policy:
        """What is asked for mail of the domain itself or of one below it (6.3, ``sp``)."""
        return (self.subdomain_policy if subdomain else None) or self.policy


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was found for an author domain.

    ``domain`` is the author domain and ``policy_domain`` the one whose record it is, as A-labels
    in lower case; the latter is empty without a record. ``error`` with its ``reason``: the DNS
    did not answer (temperror), or there is something but no one policy (permerror).
    """

    domain: str
    organizational_domain: str
    policy_domain: str = ""
    record: DmarcRecord | None = None
    error: DiscoveryError = ""
    reason: str = ""

    @property
    def policy(self) -> Policy | None:
        """The policy that the domain owner publishes for this author domain."""
        if self.record is None:
            return None
        return self.record.policy_for(subdomain=self.policy_domain != self.domain)


def organizational_domain(domain: str) -> str:
    """The domain that somebody registered (RFC 7489 3.2), in lower case; itself if it is a suffix.

    Names below no known suffix go by the list's default rule ``*``: of ``mail.corp.lan`` it is
    ``corp.lan``.
    """
    name = domain.removesuffix(".").lower()
    found = registrable_domain(name)
    if found != name or name.count(".") < 2:
        return found
    parent, top = name.rsplit(".", 2)[1:]
    # A known suffix would have been cut off here, however deep it is.
    probe = f"a.b.c.d.e.{top}"
    unknown = registrable_domain(probe) == probe and not top.isdecimal()
    return f"{parent}.{top}" if unknown else name


def is_dmarc_record(text: bytes) -> bool:
    """Whether a TXT record says that it is a DMARC record: ``v=DMARC1`` is its first tag."""
    return VERSION.match(text) is not None


def parse_dmarc_record(text: bytes) -> DmarcRecord | None:
    """Reads one TXT record; ``None`` when it is not a DMARC record at all.

    Never raises. At most 8 KiB and 64 tags; a longer record gives no policy.
    """
    if not is_dmarc_record(text):
        return None
    if len(text) > MAX_RECORD:
        return DmarcRecord(error=f"longer than {MAX_RECORD} bytes")
    return _usual_record(text) if len(text) <= MAX_USUAL else _record(text)


def _record(text: bytes) -> DmarcRecord:
    parts = text.decode("utf-8", "replace").split(";", MAX_TAGS + 1)[1:]
    if len(parts) > MAX_TAGS:
        return DmarcRecord(error=f"more than {MAX_TAGS} tags")
    return TagReader(parts).record()


_usual_record = lru_cache(maxsize=1024)(_record)


class TagReader:
    """Reads the tags after the version, taking the default for each that is not well-formed."""

    def __init__(self, parts: list[str]) -> None:
        self.faults: list[str] = []
        self.tags: dict[str, str] = {}
        self.contradictory: set[str] = set()
        for part in parts:
            found = TAG.fullmatch(part)
            if found is None:
                if part.strip():
                    self.fault(f"no tag: {part.strip()[:80]!r}")
                continue
            name, value = found[1].lower(), found[2]
            if name not in self.tags:
                self.tags[name] = value
                continue
            self.fault(f"{name} is there twice")  # RFC 6376 3.2 forbids it
            if self.tags[name].lower() != value.lower():
                self.contradictory.add(name)

    def fault(self, text: str) -> None:
        self.faults.append(text)

    def record(self) -> DmarcRecord:
        policy, subdomain_policy = self.policy("p"), self.policy("sp")
        rua, ruf = self.uris("rua"), self.uris("ruf")
        error = ""
        if policy is None or (subdomain_policy is None and "sp" in self.tags):
            # RFC 7489 6.6.3, step 6: who asks for reports gets them, with p=none.
            subdomain_policy = None
            if not rua:
                error = self.faults[0] if policy or "p" in self.tags else "there is no p"
            policy = "none"
        # RFC 7489 6.3: without ruf, fo has no meaning.
        options = self.listed("fo", ("0", "1", "d", "s"), ("0",)) if ruf else ("0",)
        return DmarcRecord(
            policy=policy,
            subdomain_policy=subdomain_policy,
            percent=self.number("pct", 100, 100),
            dkim_alignment=self.alignment("adkim"),
            spf_alignment=self.alignment("aspf"),
            rua=rua,
            ruf=ruf,
            failure_options=options,
            failure_formats=self.listed("rf", ("afrf",), ("afrf",)),
            interval=self.number("ri", 86_400, 0xFFFF_FFFF),
            error=error,
            faults=tuple(self.faults),
        )

    def policy(self, name: str) -> Policy | None:
        value = self.tags.get(name)
        if value is None:
            return None
        policy = POLICIES.get(value.lower())
        if name in self.contradictory:
            policy = None
        if policy is None:
            self.faults.insert(0, f"{name} is {value[:80]!r}, not none, quarantine or reject")
        return policy

    def alignment(self, name: str) -> Alignment:
        value = self.tags.get(name, "r")
        alignment = ALIGNMENTS.get(value.lower())
        if alignment is None:
            self.fault(f"{name} is {value[:80]!r}, not r or s")
        return alignment or "r"

    def number(self, name: str, default: int, maximum: int) -> int:
        value = self.tags.get(name)
        if value is None:
            return default
        if len(value) <= 10 and value.isascii() and value.isdecimal() and int(value) <= maximum:
            return int(value)
        self.fault(f"{name} is {value[:80]!r}, not a number from 0 to {maximum}")
        return default

    def listed(
        self, name: str, known: tuple[str, ...], default: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The known ones of a colon-separated list."""
        value = self.tags.get(name)
        if value is None:
            return default
        asked = {entry.strip().lower() for entry in value.split(":")}
        if not asked.issubset(known):
            self.fault(f"{name} is {value[:80]!r}, known are {', '.join(known)}")
        return tuple(entry for entry in known if entry in asked) or default

    def uris(self, name: str) -> tuple[ReportUri, ...]:
        value = self.tags.get(name)
        if value is None:
            return ()
        found = parse_report_uris(value)
        self.faults += (f"{name}: {fault}" for fault in found.faults)
        return found.uris


async def discover_policy(resolver: Resolver, domain: str) -> Discovery:
    """Asks for the record of an author domain, then for that of its organisational domain.

    RFC 7489 6.6.3, steps 1 to 6: two queries at most. A record of the author domain decides
    even when it is broken; so does a name server that does not answer.
    """
    name = find_query_name(domain)
    if name is None:
        return Discovery(domain=domain, organizational_domain="", reason="not a domain name")
    organizational = organizational_domain(name)
    for candidate in dict.fromkeys((name, organizational)):
        found = await query_record(resolver, name, organizational, candidate)
        if found.record is not None or found.error:
            return found
    return found


async def query_record(
    resolver: Resolver, domain: str, organizational: str, candidate: str
) -> Discovery:
    """What ``_dmarc.candidate`` says for ``domain``."""
    answer = await resolver.query(f"_dmarc.{candidate}", "TXT")

    def outcome(error: DiscoveryError, reason: str, record: DmarcRecord | None = None) -> Discovery:
        return Discovery(
            domain=domain,
            organizational_domain=organizational,
            policy_domain=candidate if record or error else "",
            record=record,
            error=error,
            reason=reason,
        )

    if answer.failed:
        return outcome("temperror", f"DNS: {answer.rcode}")
    texts = [text for text in answer.records[:MAX_RECORDS] if isinstance(text, bytes)]
    records = [record for record in map(parse_dmarc_record, texts) if record is not None]
    if not records:
        return outcome("", "no DMARC record" if texts else "no record")
    if len(records) > 1:
        return outcome("permerror", f"{len(records)} DMARC records")
    (record,) = records
    if record.error:
        return outcome("permerror", record.error)
    return outcome("", "", record)
