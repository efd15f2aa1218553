# SPDX-License-Identifier: Apache-2.0
"""What tests of the ARC module share: hops with keys, letters they passed on, and our own key."""

from authn_dkim import ED25519, ED25519_SEED, RSA, RSA_PEM, Zone, add_field, record_of
from gatepost.authn import ArcVerdict, Letter, parse_authentication_results, seal_arc, verify_arc
from gatepost.modules.arc import Arc
from gatepost.modules.arc.sealing import FIELDS
from gatepost.testing import NOW, mail, scan, zone

KEYS = {"a.example": RSA, "b.example": ED25519, "c.example": RSA, "example.org": RSA}
SELECTORS = {domain: "arc" if domain == "example.org" else "s" for domain in KEYS}
RECORDS = {
    f"{SELECTORS[domain]}._domainkey.{domain}": record_of(key) for domain, key in KEYS.items()
}
ANNA = {"user": "anna@example.org", "sender": "anna@example.org"}
PLAIN = mail(sender="anna@example.org").raw


def dns(*records: str, fail=()):
    keys = [f"{name}. TXT '{text.decode()}'" for name, text in RECORDS.items()]
    return zone(*keys, *records, fail=fail)


def add_set(raw: bytes, seal: str, message: str, results: str) -> bytes:
    for name, value in reversed(list(zip(FIELDS, (seal, message, results), strict=True))):
        raw = add_field(name, value, raw)
    return raw


async def chain_of(raw: bytes) -> ArcVerdict:
    return await verify_arc(Letter.from_bytes(raw), Zone(RECORDS), now=NOW)


async def pass_on(raw: bytes, *domains: str, results: str = "dmarc=pass", **options) -> bytes:
    """The letter as those hops have sealed it, each in turn."""
    for domain in domains:
        new = seal_arc(
            Letter.from_bytes(raw),
            KEYS[domain],
            domain,
            SELECTORS[domain],
            chain=await chain_of(raw),
            results=f"mx.{domain}; {results}",
            now=NOW,
            **options,
        )
        raw = add_set(raw, new.seal, new.message, new.results)
    return raw


def write_keys(folder):
    """Our key for example.org, and where the module looks for those of others."""
    (folder / "example.org.arc.key").write_text(RSA_PEM)
    (folder / "ed.key").write_text(ED25519_SEED)
    return f'path = "{folder}/$domain.$selector.key";'


async def sealed(letter, config, *, modules=(Arc,), resolver=None):
    """The letter as it leaves, and what was scanned."""
    found = await scan(list(modules), letter, config=config, dns=resolver or dns())
    assert all(outcome.outcome != "failed" for outcome in found.outcomes.values())
    added = [header for header in found.task.added_headers if header.name in FIELDS]
    assert all(header.order == 1 for header in added)
    assert [header.name for header in added] == (list(FIELDS) if added else [])
    raw = add_set(letter.raw, *[header.value for header in added]) if added else letter.raw
    return raw, found


def results_in(raw: bytes) -> dict[str, str]:
    """What the newest ARC-Authentication-Results says, method by method."""
    field = Letter.from_bytes(raw)
    at = field.index["arc-authentication-results"][0]
    said = parse_authentication_results(field.fields[at].partition(b":")[2])
    return {result.method: result.result for result in said.results}
