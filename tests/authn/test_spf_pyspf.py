# SPDX-License-Identifier: Apache-2.0
"""pyspf, the reference implementation in Python, says the same of a thousand made-up policies."""

import ipaddress
import random
import socket
from collections import Counter
from typing import get_args

import pytest

from gatepost.authn import check_spf
from gatepost.authn.spf_check import Outcome
from spf_zone import ZoneResolver

spf = pytest.importorskip("spf", reason="needs pyspf")

HOSTS = [f"h{number}.example" for number in range(8)]
CLIENTS = ["192.0.2.1", "192.0.2.77", "198.51.100.9", "2001:db8::1", "2001:db8:7::25"]
OTHERS = ["192.0.2.200", "203.0.113.5", "2001:db8:7::1", "2001:db8:8::1"]
BAD_TERMS = [
    "moo", "all:x", "-all/8", "ip4:1.2.3", "ip4:192.0.2.1/33", "ip6:::1/129", "ip6:1::2::3",
    "a:museum", "mx:", "exists", "include", "ptr/0", "a:%{x}.example", "a:h1.example/032",
    "redirect=", "exp=%{r}.example", "1x=y", "a:h1.example%", "mx:h1.123", "ip4:192.0.2.1//32",
]  # fmt: skip


class Policies:
    """One zone and one question, out of a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.zone = {}
        for host in HOSTS:
            self.zone[host] = [*self.addresses(), *self.exchangers(), *self.policy(host)]
        for client in CLIENTS:
            name = self.reverse(client)
            self.zone[name] = [{"PTR": host} for host in self.some(HOSTS[:4], 1, 3)]
        for host in HOSTS[:4]:  # see below: pyspf counts these as void look-ups
            self.zone[host] += [{"A": "192.0.2.77"}, {"AAAA": "2001:db8::1"}]
        self.zone["text.h0.example"] = [{"TXT": "%{c} may not send for %{o}, says %{d2r} to %{L}"}]
        self.zone["192.0.2.77.h1.example"] = [{"A": "127.0.0.2"}]
        self.zone["user.h2.example"] = [{"A": "127.0.0.2"}]
        self.ip = self.random.choice(CLIENTS)
        self.sender = self.random.choice(["user", "first.last+x", "", "a-b"]) + "@" + HOSTS[0]
        self.helo = self.random.choice([*HOSTS, "nowhere.example"])

    def some(self, things, least, most):
        return [self.random.choice(things) for _ in range(self.random.randint(least, most))]

    def reverse(self, address):
        return ipaddress.ip_address(address).reverse_pointer

    def addresses(self):
        chosen = self.some(CLIENTS + OTHERS, 0, 3)
        return [{"AAAA" if ":" in address else "A": address} for address in chosen]

    def exchangers(self):
        names = self.random.sample([*HOSTS, "gone.example"], self.random.choice([0, 0, 1, 2, 3]))
        return [{"MX": [preference, name]} for preference, name in enumerate(names)]

    def policy(self, host):
        if self.random.random() < 0.05:
            return self.random.choice(
                [[], ["TIMEOUT"], [{"TXT": "v=spf1"}, {"TXT": "V=SPF1 -all"}]]
            )
        terms = [self.term(host) for _ in range(self.random.randint(0, 5))]
        if self.random.random() < 0.06:
            terms.append(self.random.choice(BAD_TERMS))
            self.random.shuffle(terms)
        ending = self.random.choice(["-all", "~all", "?all", "+ALL", "", "redirect"])
        if ending == "redirect":
            ending = "redirect=" + self.random.choice([h for h in HOSTS if h != host])
        terms.append(ending)
        if self.random.random() < 0.4:
            terms.insert(0, "exp=" + self.random.choice(["text.h0.example", "gone.example"]))
        return [{"TXT": " ".join(["v=spf1", *filter(None, terms)])}]

    def term(self, host):
        pick = self.random.choice
        other = pick([name for name in [*HOSTS, "gone.example"] if name != host])
        cidr = pick(["", "", "/24", "/0", "//32", "/24//48", "//0"])
        return pick(["", "", "+", "-", "~", "?"]) + pick(
            [
                f"ip4:{pick(CLIENTS[:3] + OTHERS[:2])}{pick(['', '/32', '/25', '/16', '/0'])}",
                f"ip6:{pick(CLIENTS[3:] + OTHERS[2:])}{pick(['', '/128', '/48', '/33', '/0'])}",
                f"a{cidr}",
                f"A:{other}{cidr}",
                f"mx{cidr}",
                f"mx:{other}{cidr}",
                f"include:{pick([name for name in HOSTS if name != host])}",
                f"exists:%{{i}}.{pick(HOSTS[:3])}",
                f"exists:%{{l1r.-}}.{pick(HOSTS[:3])}",
                "exists:%{ir}.%{v}.%{d2}",
                f"a:%{{h}}{cidr}",
                f"a:%{{d}}{cidr}",
                "ptr",
                f"ptr:{pick(HOSTS[:4])}",
                "exists:%{p}",
            ]
        )


def ask_pyspf(policy, monkeypatch):
    resolver = ZoneResolver(policy.zone)

    def look_up(name, kind, *_, **__):
        answer = resolver.find(name.lower().rstrip("."), kind, 0)
        if answer.failed:
            raise spf.TempError("DNS timeout")
        for record in answer.records:
            if kind == "AAAA":
                record = socket.inet_pton(socket.AF_INET6, record)
            yield (name, kind), (record,) if kind == "TXT" else record

    monkeypatch.setattr(spf, "DNSLookup", look_up)
    query = spf.query(i=policy.ip, s=policy.sender, h=policy.helo, strict=True)
    query.set_default_explanation("DEFAULT")
    result, _, explanation = query.check()
    return result, explanation if result == "fail" else ""


async def ask_us(policy):
    return await check_spf(
        ZoneResolver(policy.zone),
        ip=policy.ip,
        helo=policy.helo,
        mail_from=policy.sender,
        default_explanation="DEFAULT",
    )


def stopped_earlier(ours, theirs):
    """pyspf asks for all mail hosts before it compares one; we stop at the first that matches.

    RFC 7208 5.4 leaves that open. So only its result can be an error that a later host caused.
    """
    return theirs[0] in ("temperror", "permerror") and ours.mechanism[1:].lower().startswith("mx")


@pytest.mark.slow
async def test_pyspf_agrees(monkeypatch):
    seen, differ = Counter(), {}
    for seed in range(1000):
        policy = Policies(seed)
        ours, theirs = await ask_us(policy), ask_pyspf(policy, monkeypatch)
        seen[ours.result] += 1
        if theirs != (ours.result, ours.explanation) and not stopped_earlier(ours, theirs):
            differ[seed] = (theirs, ours)
    assert differ == {}
    assert min(seen[result] for result in get_args(Outcome)) > 10
