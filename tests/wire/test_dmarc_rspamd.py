# SPDX-License-Identifier: Apache-2.0
"""Do Rspamd and Gatepost judge alike and count alike, and can we send what Rspamd has counted?

The other way round cannot be tried here: ``rspamadm dmarc_report`` asks the machine's own DNS.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import redis

from authn_dkim import RSA, record_of
from dmarc_letters import ReportLetter
from dns_server import DnsServer
from gatepost.authn import Letter as SignedLetter
from gatepost.authn import sign_dkim
from gatepost.modules.dkim import Dkim
from gatepost.modules.dmarc import Dmarc
from gatepost.modules.dmarc.delivery import Deliveries, Sent
from gatepost.modules.dmarc.options import Reporting
from gatepost.modules.dmarc.report_keys import day_of
from gatepost.modules.spf import Spf
from gatepost.store import StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.testing import Bench, Letter, mail, zone
from servers_redis import RedisServer, needs_redis, start_redis
from servers_rspamd import RspamdServer, needs_rspamd, rspamc_json, run_rspamd
from smtp_sink import SmtpSink

pytestmark = [*needs_redis, *needs_rspamd, pytest.mark.slow]

DOMAINS = {
    "reject.org": "v=DMARC1; p=reject",
    "quarantine.org": "v=DMARC1; p=quarantine",
    "none.org": "v=DMARC1; p=none",
    "sub.org": "v=DMARC1; p=reject; sp=quarantine",
    "strict.org": "v=DMARC1; p=reject; aspf=s; adkim=s",
    "spared.org": "v=DMARC1; p=reject; pct=0",
    "gone.org": "",
}
TEXTS = {
    **{f"_dmarc.{name}": f"{text}; rua=mailto:d@{name}" for name, text in DOMAINS.items() if text},
    **{name: "v=spf1 ip4:192.0.2.1 -all" for name in DOMAINS},
    **{f"k._domainkey.{name}": record_of(RSA).decode() for name in DOMAINS},
    "sub.strict.org": "v=spf1 ip4:192.0.2.1 -all",
}
OURS, STRANGER = "192.0.2.1", "203.0.113.7"


def dkim_signed(letter: Letter, domain: str) -> Letter:
    now = time.time() - 60
    value = sign_dkim(SignedLetter.from_bytes(letter.raw), RSA, domain, "k", now=now)
    return Letter(f"DKIM-Signature: {value}\r\n".encode() + letter.raw, letter.headers)


def of(author: str, sender: str = "u@gone.org", ip: str = STRANGER, signed: str = "") -> Letter:
    letter = mail(ip=ip, sender=sender, helo="mail.gone.org", headers={"From": author})
    return dkim_signed(letter, signed) if signed else letter


LETTERS = {
    "spf passes": of("u@reject.org", "u@reject.org", OURS),
    "spf fails": of("u@reject.org", "u@reject.org"),
    "spf of another": of("u@reject.org", "u@none.org", OURS),
    "dkim passes": of("u@reject.org", signed="reject.org"),
    "dkim of another": of("u@quarantine.org", signed="none.org"),
    "below the signer": of("u@news.reject.org", signed="reject.org"),
    "subdomain": of("u@x.sub.org"),
    "strict": of("u@strict.org", "u@sub.strict.org", OURS),
    "p=none": of("u@none.org"),
    "spared by pct": of("u@spared.org"),
    "no record": of("u@gone.org"),
    "two authors": of("u@reject.org, v@none.org"),
}


class Peers(NamedTuple):
    """One Redis, and an Rspamd that counts into it."""

    state: RedisServer
    rspamd: RspamdServer
    folder: Path
    sink: SmtpSink
    client: redis.Redis


@pytest.fixture(scope="module")
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
async def peers(tmp_path: Path, sink: SmtpSink) -> AsyncIterator[Peers]:
    state = start_redis(tmp_path)
    records = "\n".join(
        f'{name} 300 TXT "{text[:250]}" "{text[250:]}"' for name, text in TEXTS.items()
    )
    folder = tmp_path / "rspamd"
    try:
        async with DnsServer(records) as dns:
            files = {
                "local.d/options.inc": f'dns {{ nameserver = ["{dns.address}"]; }}\n',
                "local.d/redis.conf": f'servers = "{state.address}";',
                "local.d/dmarc.conf": reporting(sink),
            }
            started = run_rspamd(folder, files, modules=("dmarc", "spf", "dkim", "redis"))
            rspamd = await asyncio.to_thread(started.__enter__)
            try:
                with redis.Redis(port=state.port, protocol=2) as client:
                    yield Peers(state, rspamd, folder, sink, client)
            finally:
                await asyncio.to_thread(started.__exit__, None, None, None)
    finally:
        state.stop()


def reporting(sink: SmtpSink) -> str:
    return f"""reporting {{
        enabled = true; email = "dmarc@example.org"; domain = "mx.example.org"; org_name = "X";
        report_local_controller = true; smtp_port = {sink.port};
    }}"""


async def scan_by_rspamd(peers: Peers, letter: Letter) -> dict[str, list[str]]:
    asked = dict(letter.headers)
    envelope = ["-i", asked["IP"], "-F", asked["From"], "--helo", asked["Helo"]]
    reply = await asyncio.to_thread(rspamc_json, peers.rspamd.scan, letter.raw, *envelope)
    symbols = reply["symbols"]
    assert isinstance(symbols, dict)
    return {
        name: found.get("options", [])
        for name, found in symbols.items()
        if name[:5] == "DMARC" and name != "DMARC_POLICY_ALLOW_WITH_FAILURES"  # a composite
    }


async def scan_by_gatepost(peers: Peers, *letters: Letter) -> list[dict[str, list[str]]]:
    dns = zone(*(f"{name}. TXT '{text}'" for name, text in TEXTS.items()))
    store = RedisStore(StoreSettings(servers=[peers.state.address]))
    config = f"dmarc {{ {reporting(peers.sink)} }}"
    found = []
    async with Bench([Spf, Dkim, Dmarc], config=config, dns=dns, store=store) as bench:
        for letter in letters:
            hits = (await bench.scan(letter, now=time.time())).hits
            found.append({name: hits[name] for name in hits if name[:5] == "DMARC"})
    await store.close()
    return found


def counted(peers: Peers) -> dict[str, list[tuple[str, float]]]:
    """Rows by key, the first twelve fields of each; and Redis is empty again."""
    found = {}
    for key in peers.client.scan_iter("dmarc_rpt;*"):
        rows = peers.client.zrange(key, 0, -1, withscores=True)
        found[key.decode()] = [
            (",".join(row.decode().split(",")[:12]), count) for row, count in rows
        ]
    index = peers.client.smembers(f"dmarc_idx;{time.strftime('%Y%m%d')}")
    assert {key.decode() for key in index} == found.keys()
    peers.client.flushall()
    return found


PASSES_FOR_ANOTHER = ("spf of another", "strict")
"""Of these Rspamd tells the domain's owner that SPF had no result; we tell him that it passed."""


async def test_both_find_the_same_and_count_it_alike(peers: Peers) -> None:
    for name, letter in LETTERS.items():
        theirs = await scan_by_rspamd(peers, letter)
        their_rows = counted(peers)
        (ours,) = await scan_by_gatepost(peers, letter)
        assert ours == theirs, name
        if name in PASSES_FOR_ANOTHER:
            their_rows = {
                key: [(row.removesuffix("none") + "pass", count) for row, count in rows]
                for key, rows in their_rows.items()
            }
        assert counted(peers) == their_rows, name


async def test_we_send_what_rspamd_counted(peers: Peers) -> None:
    for name in ("spf fails", "spf passes", "spf fails", "dkim passes"):
        await scan_by_rspamd(peers, LETTERS[name])
    store = RedisStore(StoreSettings(servers=[peers.state.address]))
    sent: list[bytes] = []

    async def send(letter: bytes, recipients: list[str]) -> Sent:
        assert recipients == ["d@reject.org"]
        sent.append(letter)
        return Sent(tuple(recipients))

    options = Reporting(enabled=True, email="d@example.org", domain="mx.example.org")
    dns = zone(*(f"{name}. TXT '{text}'" for name, text in TEXTS.items()))
    deliveries = Deliveries(store, dns, options, owner="test", wanted=list)
    day = day_of(time.time())
    for domain, keys in (await deliveries.domains(day)).items():
        await deliveries.deliver(day, domain, keys, send, now=time.time())
    await store.close()
    (letter,) = map(ReportLetter, sent)
    assert letter.counts == {STRANGER: 3, OURS: 1}
    signatures = letter.feedback.findall("record/auth_results/dkim")
    assert [one.findtext("domain") for one in signatures] == ["reject.org"]
    assert peers.client.keys("dmarc_rpt;*") == []
