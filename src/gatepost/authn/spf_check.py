# SPDX-License-Identifier: Apache-2.0
"""One run of check_host() (RFC 7208 4 to 7): the record, what it includes, and what that counts.

The record is evaluated as written, from left to right, one look-up after the other, up to the
first match. Errors of an included record are errors of the whole: they travel as :class:`Halt`,
which does not leave this file. All else is a value.
"""

import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from gatepost.authn.spf_macros import EXPLANATION_LETTERS, MacroString, fit_name, parse_macro_string
from gatepost.authn.spf_record import Mechanism, SpfRecord, SpfRecordCache, select_records
from gatepost.net import Answer, Mx, RecordType, Resolver

Outcome: TypeAlias = Literal[
    "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"
]
"""The results of RFC 7208 2.6."""

QUALIFIED: dict[str, Outcome] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}

MAX_EXPLANATION = 512
"""Characters; an SMTP reply line has no more (RFC 5321 4.5.3.1.5)."""

NOWHERE = Answer("badname")


class SpfLimits(msgspec.Struct, frozen=True):
    """The limits of RFC 7208 4.6.4. ``seconds``: no look-up starts later than that."""

    lookups: int = 10
    void_lookups: int = 2
    mx_names: int = 10
    ptr_names: int = 10
    seconds: float = 20.0


class SpfQuery(NamedTuple):
    """The arguments of check_host(). ``domain`` is the sender's, that macros call ``o``."""

    address: IPv4Address | IPv6Address
    domain: str
    local_part: str
    helo: str
    receiver: str
    limits: SpfLimits
    disable_ipv6: bool
    records: SpfRecordCache
    clock: Callable[[], float]


class Found(NamedTuple):
    """What one record says. ``domain`` and ``record`` are those whose ``exp`` would count."""

    result: Outcome
    mechanism: str
    path: tuple[str, ...]
    domain: str
    record: SpfRecord | None
    problem: str = ""


class Halt(Exception):
    """temperror or permerror: both end the whole check, however deep. Does not leave the file."""

    def __init__(self, result: Outcome, problem: str) -> None:
        self.result = result
        self.problem = problem


class Check:
    """One run of check_host() with all its includes and redirects; counts for them together."""

    def __init__(self, resolver: Resolver, query: SpfQuery) -> None:
        self.resolver = resolver
        self.query = query
        self.limits = query.limits
        self.number = int(query.address)
        self.version = query.address.version
        self.address_type: RecordType = "A" if self.version == 4 else "AAAA"
        self.blind = query.disable_ipv6 and self.version == 6
        self.deadline = time.monotonic() + query.limits.seconds
        self.lookups = 0
        self.void_lookups = 0
        self.ttl = float("inf")
        self.lasting = True
        self.top: SpfRecord | None = None
        self.host_names: tuple[str, ...] | None = None

    async def run(self) -> Found:
        """The whole check: errors have become results."""
        domain = self.query.domain
        try:
            return await self.check_host(domain)
        except Halt as halt:
            return Found(halt.result, "", (domain,), domain, None, halt.problem)

    async def check_host(self, domain: str) -> Found:
        """RFC 7208 4. Raises :class:`Halt` for an error."""
        record = await self.find_record(domain)
        if record is None:
            return Found("none", "", (domain,), domain, None, "no SPF record")
        for term in record.mechanisms:
            inner: Found | None = None
            match term.name:
                case "ip4":
                    matches = self.version == 4 and not (
                        (self.number ^ term.network) >> term.host_bits4
                    )
                case "ip6":
                    matches = self.version == 6 and not (
                        (self.number ^ term.network) >> term.host_bits6
                    )
                case "all":
                    matches = True
                case "include":
                    inner = await self.include(term, domain)
                    matches = inner is not None
                case _:
                    matches = await self.ask_about(term, domain)
            if not matches:
                continue
            result = QUALIFIED[term.qualifier]
            if inner is None:
                return Found(result, term.qualifier + term.text, (domain,), domain, record)
            mechanism = term.qualifier + inner.mechanism[1:]
            return Found(result, mechanism, (domain, *inner.path), domain, record)
        if record.redirect is None:
            return Found("neutral", "", (domain,), domain, record)  # RFC 7208 4.7
        self.count_lookup()
        target = await self.expand(record.redirect, domain)
        inner = await self.check_host(target)
        if inner.result == "none":
            raise Halt("permerror", f"redirect={target}: {inner.problem}")  # RFC 7208 6.1
        return inner._replace(path=(domain, *inner.path))

    async def find_record(self, domain: str) -> SpfRecord | None:
        """RFC 7208 4.4 and 4.5."""
        answer = await self.ask(domain, "TXT")
        if answer.failed:
            raise Halt("temperror", f"TXT {domain}: {answer.rcode}")
        found = select_records(text for text in answer.records if isinstance(text, bytes))
        if not found:
            return None
        if len(found) > 1:
            raise Halt("permerror", f"{domain}: {len(found)} SPF records")
        record = self.query.records.parse(found[0])
        if self.top is None:
            self.top = record
        if record.error:
            raise Halt("permerror", f"{domain}: {record.error}")
        return record

    async def include(self, term: Mechanism, domain: str) -> Found | None:
        """The pass inside; any other result is no match (RFC 7208 5.2)."""
        self.count_lookup()
        target = await self.target(term, domain)
        if not target.isascii():
            return None  # RFC 8616 4
        inner = await self.check_host(target)
        if inner.result == "none":
            raise Halt("permerror", f"include:{target}: {inner.problem}")
        return inner if inner.result == "pass" else None

    async def ask_about(self, term: Mechanism, domain: str) -> bool:
        """Does one of the mechanisms that need a look-up match? (RFC 7208 5.3 to 5.5, 5.7)"""
        self.count_lookup()
        target = await self.target(term, domain)
        if term.name == "ptr":
            ending = "." + target.lower()
            names = await self.find_host_names(count_void=True)
            return any(("." + name).endswith(ending) for name in names)
        if term.name == "mx":
            return await self.match_exchangers(term, target)
        if term.name == "exists":  # an A record, also for a client with an IPv6 address
            answer = await self.ask_target(target, "A")
            return answer.ok
        return await self.match_address(term, target)

    async def match_address(self, term: Mechanism, name: str) -> bool:
        if self.blind:
            return False
        bits = term.host_bits4 if self.version == 4 else term.host_bits6
        answer = await self.ask_target(name, self.address_type)
        return self.holds(answer, bits)

    async def match_exchangers(self, term: Mechanism, name: str) -> bool:
        answer = await self.ask_target(name, "MX")
        exchangers = [record for record in answer.records if isinstance(record, Mx)]
        if len(exchangers) > self.limits.mx_names:  # RFC 7208 4.6.4
            raise Halt("permerror", f"mx: {name} has {len(exchangers)} mail hosts")
        exchangers.sort()
        for exchanger in exchangers:
            if exchanger.host in ("", "."):  # RFC 7505: takes no mail
                continue
            if await self.match_address(term, exchanger.host):
                return True
        return False

    def holds(self, answer: Answer, bits: int = 0) -> bool:
        """Is the client, but for ``bits`` right-hand bits, one of these addresses?"""
        if not bits and self.version == 4:
            return str(self.query.address) in answer.records
        return any(not (self.number ^ int(ip_address(text))) >> bits for text in answer.texts)

    async def find_host_names(self, *, count_void: bool = False) -> tuple[str, ...]:
        """The client's validated names (RFC 7208 5.5). Errors only mean that there are fewer."""
        self.lasting = False  # a name that was not found in time changes what comes out
        if self.host_names is None:
            self.host_names = ()
            if self.blind:
                return ()
            answer = await self.ask(self.query.address.reverse_pointer, "PTR")
            # The zone of the client's address can be anyone's: that one look-up is all that the
            # domain is made to answer for, not those of the names in it.
            if count_void and answer.found_nothing:
                self.count_void(self.query.address.reverse_pointer)
            names = []
            for name in answer.texts[: self.limits.ptr_names]:
                if self.holds(await self.ask(name, self.address_type)):
                    names.append(name.lower().removesuffix("."))
            self.host_names = tuple(names)
        return self.host_names

    async def ask_target(self, name: str, kind: RecordType) -> Answer:
        """The answer for a mechanism: an error ends the check, void ones are counted."""
        answer = await self.ask(name, kind)
        if answer.failed:
            raise Halt("temperror", f"{kind} {name}: {answer.rcode}")
        if answer.found_nothing:
            self.count_void(name)
        return answer

    async def ask(self, name: str, kind: RecordType) -> Answer:
        if not name.isascii():
            return NOWHERE  # RFC 8616 4: came of a local part, and never matches
        if time.monotonic() > self.deadline:
            return Answer("timeout")
        answer = await self.resolver.query(name, kind)
        if not answer.ok:
            self.lasting = False
        elif answer.ttl < self.ttl:
            self.ttl = answer.ttl
        return answer

    def count_lookup(self) -> None:
        self.lookups += 1
        if self.lookups > self.limits.lookups:
            raise Halt("permerror", f"more than {self.limits.lookups} look-ups")

    def count_void(self, name: str) -> None:
        self.void_lookups += 1
        if self.void_lookups > self.limits.void_lookups:
            limit = self.limits.void_lookups
            raise Halt("permerror", f"more than {limit} look-ups that found nothing ({name[:80]})")

    async def target(self, term: Mechanism, domain: str) -> str:
        return domain if term.target is None else await self.expand(term.target, domain)

    async def expand(self, spec: MacroString, domain: str) -> str:
        """A domain-spec as a name to ask for, at most 253 octets (RFC 7208 7.3)."""
        if spec.literal is not None:
            return spec.literal
        if "p" in spec.letters and self.host_names is None:
            self.count_lookup()  # RFC 7208 4.6.4: the query of %{p} is one of the ten
        return fit_name(spec.expand(await self.values(spec, domain)))

    async def values(self, spec: MacroString, domain: str) -> Mapping[str, str]:
        """What each letter stands for (RFC 7208 7.2)."""
        query = self.query
        if not spec.letters <= {"d", "i", "o", "v"}:
            self.lasting = False
        four = self.version == 4
        values = {
            "s": f"{query.local_part}@{query.domain}",
            "l": query.local_part,
            "o": query.domain,
            "d": domain,
            "i": str(query.address) if four else ".".join(f"{self.number:032X}"),
            "v": "in-addr" if four else "ip6",
            "h": query.helo,
            "c": str(query.address),
            "r": query.receiver,
            "t": str(int(query.clock())),
        }
        if "p" in spec.letters:
            values["p"] = choose_host_name(await self.find_host_names(), domain)
        return values

    async def explain(self, found: Found) -> str:
        """The text of ``exp``, or nothing if anything at all is wrong with it (RFC 7208 6.2)."""
        spec = found.record.exp if found.record is not None else None
        if spec is None:
            return ""
        try:
            # Not by way of expand(): what an explanation asks is not one of the ten.
            name = fit_name(spec.expand(await self.values(spec, found.domain)))
            answer = await self.ask(name, "TXT")
            if len(answer.records) != 1 or not isinstance(answer.records[0], bytes):
                return ""
            text = answer.records[0].decode("ascii")
            if not text.isprintable():
                return ""
            words = parse_macro_string(text, EXPLANATION_LETTERS)
            return words.expand(await self.values(words, found.domain))[:MAX_EXPLANATION]
        except ValueError:
            return ""


def choose_host_name(names: tuple[str, ...], domain: str) -> str:
    """``%{p}``: the domain itself, else a name below it, else any (RFC 7208 7.3)."""
    domain = domain.lower()
    if domain in names:
        return domain
    below = [name for name in names if name.endswith("." + domain)]
    return next(iter(below or names), "unknown")
