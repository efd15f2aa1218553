# SPDX-License-Identifier: Apache-2.0
"""What of SPF, DKIM, ARC, DMARC, whitelist and signing happens in which direction: one table.

The rows are written from DESIGN §4 and the contract. The letter provokes every symbol there is,
so that one that is missing was held back by the direction.
"""

import pytest

from arc_kit import add_set
from authn_dkim import ED25519, RSA, RSA_PEM, Zone, record_of
from gatepost.authn import Letter, seal_arc, sign_dkim, verify_arc
from gatepost.modules.arc import Arc
from gatepost.modules.dkim import Dkim
from gatepost.modules.dkim_signing import DkimSigning
from gatepost.modules.dmarc import Dmarc
from gatepost.modules.spf import Spf
from gatepost.modules.whitelist import Whitelist
from gatepost.testing import NOW, mail, scan, zone

MODULES = [Spf, Dkim, Dmarc, Arc, Whitelist, DkimSigning]
TEXTS = {
    "aa.org": "v=spf1 ip4:203.0.113.0/24 ip4:10.0.0.0/8 -all",
    "_dmarc.aa.org": "v=DMARC1; p=reject",
    "s._domainkey.aa.org": record_of(ED25519).decode(),
    "s._domainkey.list.org": record_of(RSA).decode(),
}

SHORT = {
    "spf": "R_SPF_ALLOW",
    "dkim": "R_DKIM_ALLOW",
    "dmarc": "DMARC_POLICY_ALLOW",
    "arc": "ARC_ALLOW",
    "praise": "PRAISE",
    "sign": "DKIM_SIGNED",
    "seal": "ARC_SIGNED",
}
IPS = {"public": "203.0.113.7", "local": "10.1.2.3", "no ip": None}

INBOUND = "spf dkim dmarc arc praise"
OUTBOUND = "arc sign seal"
ALL = "spf dkim dmarc arc praise sign seal"

L, A = "check_local = true;", "check_authed = true;"
ROWS = [
    # address, user, configuration, what happens
    ("public", False, "", INBOUND),
    ("no ip", False, "", "dkim dmarc arc praise"),  # SPF has nobody to check
    ("local", False, "", OUTBOUND),
    ("public", True, "", OUTBOUND),
    ("local", True, "", OUTBOUND),
    ("no ip", True, "", OUTBOUND),
    # overrides for all modules at once
    ("local", False, f"options {{ {L} }}", ALL),
    ("local", False, f"options {{ {A} }}", OUTBOUND),
    ("public", True, f"options {{ {A} }}", ALL),
    ("public", True, f"options {{ {L} }}", OUTBOUND),
    ("local", True, f"options {{ {L} }}", OUTBOUND),
    ("local", True, f"options {{ {A} }}", OUTBOUND),
    ("local", True, f"options {{ {L} {A} }}", ALL),
    ("no ip", True, f"options {{ {A} }}", "dkim dmarc arc praise sign seal"),
    ("public", False, f"options {{ {L} {A} }}", INBOUND),
    # each module's own override, which does nothing for the others
    ("local", False, f"spf {{ {L} }}", "spf arc sign seal"),
    ("public", True, f"spf {{ {A} }}", "spf arc sign seal"),
    ("local", True, f"spf {{ {A} }}", OUTBOUND),
    ("local", True, f"spf {{ {L} {A} }}", "spf arc sign seal"),
    ("local", False, f"dkim {{ {L} }}", "dkim arc sign seal"),
    ("public", True, f"dkim {{ {A} }}", "dkim arc sign seal"),
    ("local", True, f"dkim {{ {L} }}", OUTBOUND),
    ("local", True, f"dkim {{ {L} {A} }}", "dkim arc sign seal"),
    # DMARC alone is enough: SPF and DKIM are evaluated for it in silence
    ("local", False, f"dmarc {{ {L} }}", "dmarc arc sign seal"),
    ("public", True, f"dmarc {{ {A} }}", "dmarc arc sign seal"),
    ("no ip", True, f"dmarc {{ {A} }}", "dmarc arc sign seal"),
    ("local", True, f"dmarc {{ {A} }}", OUTBOUND),
    ("local", True, f"dmarc {{ {L} {A} }}", "dmarc arc sign seal"),
    ("no ip", True, f"spf {{ {A} }}", OUTBOUND),
    ("no ip", True, f"dkim {{ {A} }}", "dkim arc sign seal"),
    ("no ip", True, f"options {{ {L} }}", OUTBOUND),
    ("no ip", False, f"options {{ {L} {A} }}", "dkim dmarc arc praise"),
    ("local", True, f"dkim {{ {A} }}", OUTBOUND),
    ("local", True, f"spf {{ {L} }}", OUTBOUND),
    ("local", True, f"dmarc {{ {L} }}", OUTBOUND),
    ("local", False, f"dmarc {{ {A} }}", OUTBOUND),
    ("public", True, f"dmarc {{ {L} }}", OUTBOUND),
    ("public", False, f"dmarc {{ {L} {A} }}", INBOUND),
    ("public", True, f"whitelist {{ {A} }}", OUTBOUND),  # nothing to go by
    ("local", False, f"whitelist {{ {L} }}", OUTBOUND),
    ("local", False, f"whitelist {{ {L} }} dmarc {{ {L} }}", "dmarc praise arc sign seal"),
    ("local", True, f"whitelist {{ {L} {A} }} dmarc {{ {L} {A} }}", "dmarc praise arc sign seal"),
    ("public", False, f"whitelist {{ {L} {A} }}", INBOUND),
    ("public", True, f"whitelist {{ {A} }} dmarc {{ {A} }}", "dmarc praise arc sign seal"),
    ("local", True, f"whitelist {{ {A} }} dmarc {{ {L} {A} }}", "dmarc arc sign seal"),
    # a module's own word goes before that of `options`
    (
        "public",
        True,
        f"options {{ {A} }} spf {{ check_authed = false; }}",
        "dkim dmarc praise arc sign seal",
    ),
    # signing follows its own options
    ("local", False, "dkim_signing { sign_local = false; }", "arc seal"),
    ("public", True, "dkim_signing { sign_authenticated = false; }", "arc seal"),
    ("local", True, "dkim_signing { sign_authenticated = false; }", OUTBOUND),
    ("no ip", True, "dkim_signing { sign_authenticated = false; }", "arc seal"),
    ("local", True, "dkim_signing { sign_local = false; }", OUTBOUND),
    (
        "local",
        True,
        "dkim_signing { sign_local = false; sign_authenticated = false; }",
        "arc seal",
    ),
    ("public", False, 'dkim_signing { sign_networks = "203.0.113.0/24"; }', f"{INBOUND} sign"),
    ("no ip", False, "dkim_signing { sign_inbound = true; }", "dkim dmarc arc praise sign"),
    ("local", False, "arc { sign_local = false; }", "arc sign"),
    ("local", True, "arc { sign_local = false; sign_authenticated = false; }", "arc sign"),
    ("public", True, "arc { sign_authenticated = false; }", "arc sign"),
    ("public", False, "dkim_signing { sign_inbound = true; }", f"{INBOUND} sign"),
    (
        "public",
        False,
        "arc { sign_inbound = true; use_domain_sign_inbound = header; }",
        f"{INBOUND} seal",
    ),
]


async def letter() -> bytes:
    """One that is signed by its author's domain and came through a list."""
    raw = mail(sender="anna@aa.org").raw
    value = sign_dkim(Letter.from_bytes(raw), ED25519, "aa.org", "s", now=NOW)
    raw = f"DKIM-Signature: {value}\r\n".encode() + raw
    parsed = Letter.from_bytes(raw)
    chain = await verify_arc(parsed, Zone(), now=NOW)
    new = seal_arc(parsed, RSA, "list.org", "s", chain=chain, results="x; none", now=NOW)
    return add_set(raw, new.seal, new.message, new.results)


@pytest.mark.parametrize("ip, user, config, happens", ROWS)
async def test_direction_decides(tmp_path, ip, user, config, happens):
    (tmp_path / "key").write_text(RSA_PEM)
    config += f"""
    options {{ local_addrs = "10.0.0.0/8"; }}
    dkim_signing {{ path = "{tmp_path}/key"; }}
    arc {{ path = "{tmp_path}/key"; }}
    whitelist {{ rules {{ PRAISE {{ valid_dmarc = true; domains = ["aa.org"]; }} }} }}
    """
    found = await scan(
        MODULES,
        mail(
            raw=await letter(),
            sender="anna@aa.org",
            ip=IPS[ip],
            user="anna@aa.org" if user else None,
        ),
        dns=zone(*[f"{name}. TXT '{text}'" for name, text in TEXTS.items()]),
        config=config,
    )
    assert {short for short, name in SHORT.items() if name in found.hits} == set(happens.split())
    silent = {"R_SPF_NA", "R_DKIM_NA", "DMARC_NA", "ARC_NA", "R_DKIM_REJECT", "R_SPF_FAIL"}
    assert not silent & found.hits.keys()
