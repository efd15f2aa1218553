# SPDX-License-Identifier: Apache-2.0
"""Which symbols a chain gets, in every direction, and what trust in a hop changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arc_kit import ANNA, PLAIN, dns, pass_on, sealed, write_keys
from gatepost.modules.arc import Arc
from gatepost.modules.dkim import Dkim
from gatepost.modules.dmarc import Dmarc
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.testing import Bench, build_app, mail, scan, zone

LOCAL = 'options { local_addrs = "10.0.0.0/8"; }'
HOPS = ("a.example", "b.example", "c.example")


async def hits(raw: bytes, config: str = "", resolver=None, **envelope):
    result = await scan(Arc, mail(raw=raw, **envelope), dns=resolver or dns(), config=config)
    return result.hits


async def test_a_letter_that_nobody_sealed():
    resolver = dns()
    assert await hits(PLAIN, resolver=resolver) == {"ARC_NA": []}
    assert await hits(b"", resolver=resolver) == {"ARC_NA": []}
    assert resolver.asked == []


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_a_chain_that_holds_names_its_last_hop(count):
    raw = await pass_on(PLAIN, *HOPS[:count])
    assert await hits(raw) == {"ARC_ALLOW": [f"{HOPS[count - 1]}:s=s:i={count}"]}


@pytest.mark.slow
async def test_a_chain_of_fifty_hops_holds():
    raw = await pass_on(PLAIN, *["b.example"] * 50)
    assert await hits(raw) == {"ARC_ALLOW": ["b.example:s=s:i=50"]}


SEAL_2 = b"ARC-Seal: i=2;"


@pytest.mark.parametrize(
    "old, new, symbol, option",
    [
        (b"a letter", b"another", "ARC_REJECT", "signature check failed: i=3"),
        (b"Hello", b"Hallo", "ARC_REJECT", "signature check failed: i=3"),
        (b"mx.a.example; dmarc=pass", b"mx.a.example; dmarc=none", "ARC_REJECT", "seal check f"),
        (b"cv=none", b"cv=pass", "ARC_INVALID", "wrong chain validation status: i=1, cv=pass"),
        (b"cv=pass", b"cv=none", "ARC_REJECT", "wrong chain validation status: i=2, cv=none"),
        (b"ARC-Seal: i=1;", b"X-Seal: i=1;", "ARC_INVALID", "a set is not complete: i=1"),
        (SEAL_2, b"ARC-Seal: i=1;", "ARC_INVALID", "a set has a field twice: arc-seal, i=1"),
        (SEAL_2, b"ARC-Seal: i=51;", "ARC_INVALID", "more than 50 sets: i=51"),
        (SEAL_2, b"ARC-Seal: i=x;", "ARC_INVALID", "a field cannot be read: arc-seal"),
        (b"ARC-Seal: i=3; a=rsa-sha256", b"ARC-Seal: i=3; a=x", "ARC_INVALID", "a field cannot"),
    ],
)
async def test_a_broken_chain_says_what_is_broken(old, new, symbol, option):
    raw = await pass_on(PLAIN, *HOPS)
    assert old in raw
    [(name, options)] = (await hits(raw.replace(old, new))).items()
    assert name == symbol and options[0].startswith(option)


async def test_a_chain_that_was_found_broken_stays_broken():
    raw = (await pass_on(PLAIN, "a.example")).replace(b"Hello", b"Hallo")
    raw = await pass_on(raw, "b.example")
    assert await hits(raw) == {"ARC_REJECT": ["cv is fail on i=2"]}


@pytest.mark.parametrize("domain", HOPS)
async def test_no_verdict_without_the_key_of_every_seal(domain):
    raw = await pass_on(PLAIN, *HOPS)
    down = dns(fail=[f"TXT s._domainkey.{domain}."])
    assert (await hits(raw, resolver=down)).keys() == {"ARC_DNSFAIL"}


async def test_a_key_that_is_not_there_breaks_the_chain():
    raw = await pass_on(PLAIN, *HOPS)
    assert (await hits(raw, resolver=zone())).keys() == {"ARC_REJECT"}


async def test_keys_are_asked_for_once():
    raw, resolver = await pass_on(PLAIN, *HOPS, "a.example"), dns()
    async with Bench([Arc], dns=resolver) as bench:
        for _ in range(2):
            assert "ARC_ALLOW" in (await bench.scan(mail(raw=raw))).hits
    assert len(resolver.asked) == 3


@pytest.mark.parametrize(
    "change, score",
    [
        (lambda raw: PLAIN, 0.0),
        (lambda raw: raw, -1.0),
        (lambda raw: raw.replace(b"Hello", b"Hallo"), 1.0),
        (lambda raw: raw.replace(b"ARC-Seal: i=1;", b"X-Seal: i=1;"), 0.5),
    ],
)
async def test_scores(change, score):
    raw = change(await pass_on(PLAIN, "a.example"))
    result = await scan(Arc, mail(raw=raw), dns=dns())
    assert result.score == pytest.approx(score)


ALL_BY_HAND = [
    # ip, envelope, options of arc, ruling, sealed for
    ("203.0.113.7", {}, "", "run", None),
    ("203.0.113.7", {}, "sign_inbound = true;", "run", "example.net"),
    ("203.0.113.7", {}, 'sign_networks = "203.0.113.0/24";', "run", "example.net"),
    (None, {}, "", "run", None),
    (None, {}, "sign_inbound = true;", "run", "example.net"),
    ("10.1.2.3", {}, "", "adapt", "example.org"),
    ("10.1.2.3", {}, "sign_local = false;", "run", None),
    ("10.1.2.3", {}, "sign_local = false; sign_inbound = true;", "run", None),
    ("203.0.113.7", ANNA, "", "adapt", "example.org"),
    ("203.0.113.7", ANNA, "sign_authenticated = false;", "run", None),
    (None, ANNA, "", "adapt", "example.org"),
    ("10.1.2.3", ANNA, "", "adapt", "example.org"),
    ("10.1.2.3", ANNA, "sign_authenticated = false;", "adapt", "example.org"),
    ("10.1.2.3", ANNA, "sign_local = false;", "adapt", "example.org"),
    ("10.1.2.3", ANNA, "sign_local = false; sign_authenticated = false;", "run", None),
]


@pytest.mark.parametrize("ip, envelope, options, ruling, signer", ALL_BY_HAND)
async def test_every_direction_is_checked_and_outbound_is_sealed(
    tmp_path, ip, envelope, options, ruling, signer
):
    config = f"arc {{ {write_keys(tmp_path)} {options} }} {LOCAL}"
    (tmp_path / "example.net.arc.key").write_text((tmp_path / "example.org.arc.key").read_text())
    letter = mail(raw=await pass_on(PLAIN, "a.example"), ip=ip, **envelope)
    _, found = await sealed(letter, config)
    assert found.hits.pop("ARC_ALLOW") == ["a.example:s=s:i=1"]
    assert found.hits.get("ARC_SIGNED", [""])[0] == (f"{signer}:s=arc:i=2" if signer else "")
    [loaded] = build_app([Arc], config=config).modules
    assert loaded.module.ruling(found.task.direction).effect == ruling
    assert found.outcomes["ARC_CHECK"].outcome == "ran"
    assert (found.outcomes["ARC_SIGNED"].outcome == "ran") == (signer is not None)


SIGNERS = 'whitelisted_signers_map = ["b.example", "c.example"];'


@pytest.mark.parametrize(
    "hops, results, trusted",
    [
        (["b.example"], "dmarc=pass header.from=example.org", -2.0),
        (["b.example"], "dmarc=fail header.from=example.org", 0.0),
        (["b.example"], "spf=fail smtp.mailfrom=example.org", -1.0),
        (["b.example"], "dmarc=pass; spf=fail", -2.0),
        (["b.example"], "none", -2.0),
        (["a.example", "b.example"], "dmarc=pass", -2.0),
        (["b.example", "a.example"], "dmarc=pass", None),  # somebody else has sealed since
        (["a.example"], "dmarc=pass", None),
    ],
)
async def test_trust_in_a_hop_weighs_as_much_as_what_it_found(hops, results, trusted):
    raw = await pass_on(PLAIN, *hops, results=results)
    found = await scan(Arc, mail(raw=raw), dns=dns(), config=f"arc {{ {SIGNERS} }}")
    assert found.scores.get("ARC_ALLOW_TRUSTED") == trusted
    changed = raw.replace(b"Hello", b"Hallo")
    broken = await scan(Arc, mail(raw=changed), dns=dns(), config=f"arc {{ {SIGNERS} }}")
    assert broken.hits.keys() == {"ARC_REJECT"}


class NoSpf(Module):
    """In place of SPF and DKIM: they find nothing that DMARC could go by."""

    name = "before"
    group = "test"
    outbound = RunAlways()
    DONE = Symbol("DONE")

    @runs(Stage.PREFILTER, callback="BEFORE")
    def check(self, task) -> PlainHits:
        task.variables["dkim"] = []
        yield self.DONE()


POLICY = "_dmarc.example.org. TXT 'v=DMARC1; p={}'"


@pytest.mark.parametrize(
    "policy, hops, results, options, score, action",
    [
        ("reject", ["b.example"], "dmarc=pass header.from=example.org", "", 0.1, "no action"),
        ("quarantine", ["b.example"], "dmarc=pass", "", 0.1, "no action"),
        ("none", ["b.example"], "dmarc=pass", "", 0.1, "no action"),
        ("reject", ["b.example"], "dmarc=pass header.from=b.example", "", 2.0, "reject"),
        ("reject", ["b.example"], "dmarc=fail", "", 2.0, "reject"),
        ("reject", ["b.example"], "spf=pass", "", 2.0, "reject"),
        ("reject", ["a.example"], "dmarc=pass", "", 2.0, "reject"),
        ("reject", ["b.example", "a.example"], "dmarc=pass", "", 2.0, "reject"),
        ("reject", ["b.example"], "dmarc=pass", "adjust_dmarc = no;", 2.0, "reject"),
    ],
)
async def test_a_failure_that_a_trusted_hop_explains_is_none(
    policy, hops, results, options, score, action
):
    raw = await pass_on(PLAIN, *hops, results=results)
    config = f"arc {{ {SIGNERS} {options} }} dmarc {{ actions {{ reject = reject; }} }}"
    found = await scan(
        [NoSpf, Dmarc, Arc],
        mail(raw=raw, ip=None),
        dns=dns(POLICY.format(policy)),
        config=config,
    )
    word = {"none": "SOFTFAIL"}.get(policy, policy.upper())
    assert found.scores[f"DMARC_POLICY_{word}"] == score
    assert found.action == action
    assert ("ARC trusted" in found.hits[f"DMARC_POLICY_{word}"]) == (
        score == 0.1 and policy != "none"
    )


async def test_broken_seals_of_some_domains_are_forgiven():
    raw = (await pass_on(PLAIN, *HOPS)).replace(b"Hello", b"Hallo")
    assert "ARC_REJECT" in await hits(raw, 'arc { whitelist = ["a.example"]; }')
    assert "ARC_ALLOW" in await hits(raw, 'arc { whitelist = ["C.example"]; }')


async def test_symbols_can_be_renamed(tmp_path):
    config = f"""arc {{ {write_keys(tmp_path)} sign_symbol = SEALED;
        symbols {{ allow = FINE; na = NOTHING; }} }}"""
    assert (await hits(PLAIN, config, **ANNA)).keys() == {"NOTHING", "SEALED"}
    assert "FINE" in await hits(await pass_on(PLAIN, "a.example"), config)


@pytest.mark.parametrize(
    "switch, found",
    [
        ('groups_disabled = ["arc"]', set()),
        ('symbols_disabled = ["ARC_SIGNED"]', {"ARC_NA"}),
        ('symbols_disabled = ["ARC_CHECK"]', set()),
        ('groups_enabled = ["arc"]', {"ARC_NA", "ARC_SIGNED"}),
        ('groups_enabled = ["dkim"]', set()),
        ('groups_disabled = ["rbl", "spf", "dmarc"]', {"ARC_NA", "ARC_SIGNED"}),
    ],
)
async def test_settings_switch_checking_and_sealing(tmp_path, switch, found):
    config = f"""arc {{ {write_keys(tmp_path)} }}
    settings {{ one {{ priority = high; authenticated = yes; apply {{ {switch}; }} }} }}"""
    assert (await hits(PLAIN, config, **ANNA)).keys() == found


@pytest.mark.parametrize("name", ["ARC_CHECK", "ARC_CALLBACK", "ARC_NA"])
async def test_a_request_switches_the_check_off_by_any_of_its_names(tmp_path, name):
    asked = {"Settings": f'{{"symbols_disabled": ["{name}"]}}'}
    config = f"arc {{ {write_keys(tmp_path)} }}"
    assert await hits(PLAIN, config, **ANNA, request=asked) == {}


async def test_a_shared_rspamd_section_is_taken_as_it_stands():
    config = """arc {
        allow_envfrom_empty = true; allow_hdrfrom_mismatch = true;
        allow_hdrfrom_multiple = false; allow_username_mismatch = false;
        sign_authenticated = false; sign_local = false; sign_inbound = true;
        use_domain = "recipient"; use_esld = true; use_redis = false;
        key_prefix = "ARC_KEYS"; sign_symbol = "ARC_SIGNED"; try_fallback = true;
        path = "/nowhere/arc/$domain.$selector.key"; selector = "arc";
    }"""
    assert await hits(await pass_on(PLAIN, "a.example"), config) == {
        "ARC_ALLOW": ["a.example:s=s:i=1"]
    }


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=12)), min_size=1, max_size=4))
async def test_no_letter_makes_a_check_fail(changes):
    raw = bytearray(await pass_on(PLAIN, "a.example", "b.example"))
    for at, new in changes:
        place = at % len(raw)
        raw[place : place + len(new)] = new
    found = await scan([Dkim, Arc], mail(raw=bytes(raw)), dns=dns(), config=f"arc {{ {SIGNERS} }}")
    assert {one.outcome for one in found.outcomes.values()} <= {"ran", "skipped"}
    assert len({"ARC_NA", "ARC_ALLOW", "ARC_REJECT", "ARC_INVALID"} & found.hits.keys()) == 1
