# SPDX-License-Identifier: Apache-2.0
"""Do Rspamd and Gatepost find the same in signatures, chains and lists, and do our seals hold?"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import dkim
import pytest

from arc_kit import add_set
from authn_dkim import ED25519, ED25519_SEED, LETTERS, RSA, RSA_PEM, Zone, record_of
from dns_server import DnsServer
from gatepost.authn import Letter as SignedLetter
from gatepost.authn import SigningOptions, seal_arc, sign_dkim, verify_arc, verify_dkim
from gatepost.modules.arc import Arc
from gatepost.modules.arc.sealing import FIELDS
from gatepost.modules.dkim import Dkim
from gatepost.modules.spf import Spf
from gatepost.modules.whitelist import Whitelist
from gatepost.testing import Bench, mail, zone
from servers_rspamd import RspamdServer, needs_rspamd, rspamc_json, run_rspamd

pytestmark = [*needs_rspamd, pytest.mark.slow]

NOW = time.time() - 60
TEXTS = {
    "k._domainkey.a-list.org": record_of(RSA).decode(),
    "e._domainkey.a-list.org": record_of(ED25519).decode(),
    "k._domainkey.b-list.org": record_of(RSA).decode(),
    "arc._domainkey.ours.org": record_of(RSA).decode(),
    "e._domainkey.ours.org": record_of(ED25519).decode(),
    "gone._domainkey.a-list.org": "v=DKIM1; p=",
    "a-list.org": "v=spf1 ip4:192.0.2.1 -all",
}
RECORDS = {name: text.encode() for name, text in TEXTS.items()}
LISTS = """rules {
    PRAISE_S { valid_spf = true; domains = "FOLDER/list"; score = -1; inverse_symbol = "BLAME_S"; }
    PRAISE_D { valid_dkim = true; domains = "FOLDER/list"; score = -1; inverse_symbol = "BLAME_D"; }
    PRAISE_SD { valid_spf = true; valid_dkim = true; domains = "FOLDER/list"; score = -1;
        inverse_symbol = "BLAME_SD"; }
}
"""
SEALING = """sign_authenticated = true; sign_inbound = false; use_domain = "header";
    path = "FOLDER/$selector.key";
"""
SIGNING = """domain { ours.org { selectors [
    { selector = arc; path = "FOLDER/arc.key"; }, { selector = e; path = "FOLDER/e.key"; }
] } }
"""
COMPARED = ("R_DKIM", "DKIM_TRACE", "ARC_", "PRAISE", "BLAME")


def sign(raw: bytes, domain: str = "a-list.org", selector: str = "k", **options: object) -> bytes:
    key = ED25519 if selector == "e" else RSA
    value = sign_dkim(
        SignedLetter.from_bytes(raw),
        key,
        domain,
        selector,
        now=NOW,
        options=SigningOptions(**options),
    )
    return f"DKIM-Signature: {value}\r\n".encode() + raw


def pass_on(raw: bytes, *hops: str) -> bytes:
    """Sealed by those domains in turn; one with ``/e`` has an Ed25519 key."""
    for hop in hops:
        domain, _, selector = hop.partition("/")
        letter = SignedLetter.from_bytes(raw)
        chain = asyncio.run(verify_arc(letter, Zone(RECORDS), now=NOW))
        new = seal_arc(
            letter,
            ED25519 if selector else RSA,
            domain,
            selector or "k",
            chain=chain,
            results=f"mx.{domain}; spf=pass",
            now=NOW,
        )
        raw = add_set(raw, new.seal, new.message, new.results)
    return raw


PLAIN = mail(sender="u@a-list.org").raw
SIGNED = sign(PLAIN)
CHAIN = pass_on(PLAIN, "a-list.org", "b-list.org", "a-list.org")


def broken(raw: bytes) -> bytes:
    return raw.replace(b"Hello", b"Hallo")


CASES = {
    "plain": (PLAIN, "203.0.113.7"),
    "plain, good host": (PLAIN, "192.0.2.1"),
    "signed": (SIGNED, "203.0.113.7"),
    "signed, good host": (SIGNED, "192.0.2.1"),
    "signed with ed25519": (sign(PLAIN, selector="e"), "203.0.113.7"),
    "simple": (sign(PLAIN, header="simple", body="simple"), "203.0.113.7"),
    "signed twice": (sign(SIGNED, "b-list.org"), "203.0.113.7"),
    "one of two broken": (sign(broken(SIGNED), "b-list.org"), "203.0.113.7"),
    "body changed": (broken(SIGNED), "192.0.2.1"),
    "subject changed": (SIGNED.replace(b"a letter", b"another"), "203.0.113.7"),
    "subject added": (SIGNED.replace(b"Subject", b"Subject: x\r\nSubject", 1), "203.0.113.7"),
    "no key": (sign(PLAIN, selector="none"), "203.0.113.7"),
    "key revoked": (sign(PLAIN, selector="gone"), "203.0.113.7"),
    "sealed once": (pass_on(PLAIN, "a-list.org"), "203.0.113.7"),
    "sealed thrice": (CHAIN, "203.0.113.7"),
    "sealed with ed25519": (pass_on(PLAIN, "a-list.org", "a-list.org/e"), "203.0.113.7"),
    "sealed, body changed": (broken(CHAIN), "203.0.113.7"),
    "sealed, results changed": (CHAIN.replace(b"spf=pass", b"spf=fail"), "203.0.113.7"),
    "sealed, a seal lost": (CHAIN.replace(b"ARC-Seal: i=2", b"X-Seal: i=2"), "203.0.113.7"),
    "sealed as broken": (pass_on(broken(CHAIN), "b-list.org"), "203.0.113.7"),
}

# What RFC 8617 decides otherwise, or the options name in other words.
WORDS_DIFFER = {"ARC_REJECT", "ARC_INVALID"}


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lists")
    (folder / "list").write_text("a-list.org both:1\n")
    (folder / "arc.key").write_text(RSA_PEM)
    (folder / "e.key").write_text(ED25519_SEED)
    return folder


@pytest.fixture
async def rspamd(tmp_path: Path, lists: Path) -> AsyncIterator[RspamdServer]:
    records = "\n".join(
        f'{name} 300 TXT "{text[:250]}" "{text[250:]}"' for name, text in TEXTS.items()
    )
    async with DnsServer(records) as dns:
        files = {
            "local.d/options.inc": f'dns {{ nameserver = ["{dns.address}"]; }}\n',
            "local.d/whitelist.conf": LISTS.replace("FOLDER", str(lists)),
            "local.d/arc.conf": SEALING.replace("FOLDER", str(lists)),
            "local.d/dkim_signing.conf": SIGNING.replace("FOLDER", str(lists)),
        }
        modules = ("spf", "dkim", "dmarc", "arc", "whitelist", "dkim_signing")
        started = run_rspamd(tmp_path / "rspamd", files, modules=modules)
        server = await asyncio.to_thread(started.__enter__)
        try:
            yield server
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


def compared(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        name: [] if name in WORDS_DIFFER else sorted(options)
        for name, options in found.items()
        if name.startswith(COMPARED)
    }


async def ask_rspamd(server: RspamdServer, raw: bytes, *options: str) -> dict:
    return await asyncio.to_thread(rspamc_json, server.scan, raw, *options)


def bench(lists: Path) -> Bench:
    dns = zone(*[f"{name}. TXT '{text}'" for name, text in TEXTS.items()])
    config = f"""whitelist {{ {LISTS.replace("FOLDER", str(lists))} }}
        arc {{ {SEALING.replace("FOLDER", str(lists))} }}"""
    return Bench([Spf, Dkim, Arc, Whitelist], config=config, dns=dns)


async def test_both_find_the_same(rspamd: RspamdServer, lists: Path) -> None:
    theirs, ours = {}, {}
    async with bench(lists) as ours_bench:
        for name, (raw, ip) in CASES.items():
            reply = await ask_rspamd(rspamd, raw, "-i", ip, "-F", "u@a-list.org")
            symbols = reply["symbols"].items()
            theirs[name] = compared({key: one.get("options", []) for key, one in symbols})
            letter = mail(raw=raw, ip=ip, sender="u@a-list.org")
            ours[name] = compared((await ours_bench.scan(letter, now=time.time())).hits)
    assert ours == theirs


def author(raw: bytes) -> bytes:
    return raw.replace(b"From: u@a-list.org", b"From: anna@ours.org")


USER = ("-u", "anna@ours.org", "-F", "anna@ours.org", "-i", "203.0.113.7")


async def seal_ours(ours: Bench, before: bytes) -> bytes:
    letter = mail(raw=before, user="anna@ours.org", sender="anna@ours.org")
    found = await ours.scan(letter, now=time.time())
    values = {header.name: header.value for header in found.task.added_headers}
    return add_set(before, *[values[name] for name in FIELDS])


@pytest.mark.parametrize("hops", [0, 1, 3, 9])
async def test_rspamd_finds_our_seal_whole(rspamd: RspamdServer, lists: Path, hops: int) -> None:
    before = await asyncio.to_thread(pass_on, author(PLAIN), *["b-list.org"] * hops)
    async with bench(lists) as ours:
        sealed = await seal_ours(ours, before)
    reply = await ask_rspamd(rspamd, sealed, "-i", "203.0.113.7", "-F", "u@a-list.org")
    assert reply["symbols"]["ARC_ALLOW"]["options"] == [f"ours.org:s=arc:i={hops + 1}"]


# Rspamd 3.4's seal over two sets or more does not hold; dkimpy finds the same.
@pytest.mark.parametrize("hops, holds", [(0, True), (1, True), (2, False), (3, False)])
async def test_we_find_of_rspamds_seal_what_dkimpy_finds(
    rspamd: RspamdServer, lists: Path, hops: int, holds: bool
) -> None:
    before = await asyncio.to_thread(pass_on, author(PLAIN), *["b-list.org"] * hops)
    reply = await ask_rspamd(rspamd, before, *USER)
    expected = [f"ours.org:s=arc:i={hops + 1}"]
    assert reply["symbols"]["ARC_SIGNED"]["options"] == expected
    sealed = add_set(before, *[reply["milter"]["add_headers"][name]["value"] for name in FIELDS])

    def find(name: bytes, timeout: int = 5) -> bytes | None:
        return RECORDS.get(name.decode().rstrip("."))

    assert (dkim.arc_verify(sealed, dnsfunc=find)[0] == b"pass") == holds
    async with bench(lists) as ours:
        found = await ours.scan(mail(raw=sealed), now=time.time())
    assert found.hits.get("ARC_ALLOW") == (expected if holds else None)


# Rspamd 3.4's body hashes of these are others than RFC 6376's; dkimpy finds the same.
MISTAKEN = {"only blanks", "long line"}


@pytest.mark.parametrize("name", LETTERS)
async def test_of_what_rspamd_signs_we_find_what_dkimpy_finds(
    rspamd: RspamdServer, name: str
) -> None:
    author = b"From: anna@ours.org\r\nMessage-ID: <1@ours.org>\r\n"
    raw = author + re.sub(rb"(?mi)^(From|Message-ID):", rb"X-\1:", LETTERS[name])
    reply = await ask_rspamd(rspamd, raw, *USER)
    signatures = reply["dkim-signature"]
    fields = [f"DKIM-Signature: {one}\r\n".encode() for one in signatures]
    letter = SignedLetter.from_bytes(b"".join(fields) + raw)
    verdicts = await verify_dkim(letter, Zone(RECORDS), now=time.time() + 5)
    holds = "fail" if name in MISTAKEN else "pass"
    assert [(one.selector, one.result) for one in verdicts] == [("arc", holds), ("e", holds)]
    assert ask_dkimpy(fields[0] + raw) == (holds == "pass")


def ask_dkimpy(raw: bytes) -> bool:
    return dkim.verify(raw, dnsfunc=lambda name, timeout=5: RECORDS.get(name.decode().rstrip(".")))
