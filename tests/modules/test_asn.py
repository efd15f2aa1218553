# SPDX-License-Identifier: Apache-2.0
"""Where the client comes from, by DNS or a database, in which directions that is asked, and who
makes use of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gatepost.config import ConfigError
from gatepost.modules.asn import Asn, parse_origin
from gatepost.modules.ratelimit import Ratelimit
from gatepost.scan.selectors import parse_selector
from gatepost.testing import Bench, build_app, explain, mail, scan, zone

PUBLIC, LOCAL, V6 = "203.0.113.7", "10.0.0.5", "2001:db8::7"
V6_NAME = ".".join(reversed("20010db8" + "0" * 23 + "7")) + ".asn6.rspamd.com"
RECORDS = (
    "7.113.0.203.asn.rspamd.com. TXT '64500|203.0.113.0/24|DE|ripencc|'",
    "5.0.0.10.asn.rspamd.com. TXT '64501|10.0.0.0/8|ZZ||'",
    f"{V6_NAME}. TXT '64502|2001:db8::/32|NL|ripencc|'",
    "1.2.0.192.asn.rspamd.com. TXT '64503 64504|192.0.2.0/24|FR|ripencc|'",
    "2.2.0.192.asn.rspamd.com. TXT '64503 192.0.2.0/24 FR'",
    "3.2.0.192.asn.rspamd.com. TXT 'NA|192.0.2.0/24||'",
    "4.2.0.192.asn.rspamd.com. TXT ''",
    "7.113.0.203.own.example. TXT '64509|203.0.113.0/24|AT||'",
)
NETS = 'options { local_addrs = ["10.0.0.0/8"]; }\n'


def dns(*fail):
    return zone(*RECORDS, fail=fail)


@pytest.mark.parametrize(
    "ip, hits",
    [
        (PUBLIC, {"ASN": ["asn:64500, ipnet:203.0.113.0/24, country:DE"]}),
        (V6, {"ASN": ["asn:64502, ipnet:2001:db8::/32, country:NL"]}),
        ("192.0.2.1", {"ASN": ["asn:64503, ipnet:192.0.2.0/24, country:FR"]}),
        ("192.0.2.2", {"ASN": ["asn:64503, ipnet:192.0.2.0/24, country:FR"]}),
        ("192.0.2.3", {"ASN": ["ipnet:192.0.2.0/24"]}),
        ("192.0.2.4", {}),
        ("192.0.2.5", {}),
        ("/run/socket", {}),
    ],
)
async def test_what_the_dns_says(ip, hits):
    assert (await scan(Asn, mail(ip=ip), dns=dns())).hits == hits


async def test_a_failure_is_named():
    name = "7.113.0.203.asn.rspamd.com"
    result = await scan(Asn, mail(ip=PUBLIC), dns=dns(f"TXT {name}. timeout"))
    assert result.hits == {"ASN_FAIL": [f"{name}:timeout"]}
    assert "asn" not in result.task.variables


# DESIGN §4 and the contract's table: off for local senders only, and check_local alone changes it
DIRECTIONS = [
    ("", {"inbound", "authenticated"}),
    ("check_local = yes;", {"inbound", "authenticated", "local", "both"}),
    ("check_authed = yes;", {"inbound", "authenticated"}),
    ("check_authed = no;", {"inbound", "authenticated"}),
]
LETTERS = {
    "inbound": {"ip": PUBLIC},
    "local": {"ip": LOCAL},
    "authenticated": {"ip": PUBLIC, "user": "anna"},
    "both": {"ip": LOCAL, "user": "anna"},
    "no address": {"ip": None},
    "no address, user": {"ip": None, "user": "anna"},
}


@pytest.mark.parametrize("options, asked", DIRECTIONS)
async def test_in_which_directions_it_is_asked(options, asked):
    config = f"{NETS}asn {{ {options} }}"
    for kind, letter in LETTERS.items():
        zone_ = dns()
        found = await explain(Asn, mail(**letter), config=config, dns=zone_)
        assert bool(zone_.asked) == ("ASN" in found.hits) == (kind in asked), kind
        skipped = "local" if kind in ("local", "both") and kind not in asked else ""
        assert found.skipped == skipped


async def test_the_option_of_all_modules_counts_where_its_own_is_not_set():
    config = 'options { local_addrs = ["10.0.0.0/8"]; check_local = yes; }'
    assert "ASN" in (await scan(Asn, mail(ip=LOCAL), config=config, dns=dns())).hits
    config += "asn { check_local = no; }"
    assert "ASN" not in (await scan(Asn, mail(ip=LOCAL), config=config, dns=dns())).hits


@pytest.mark.parametrize("client, there", [(PUBLIC, True), (LOCAL, False)])
async def test_an_address_that_was_guessed_is_looked_up_unless_it_is_ours(client, there):
    received = f"from a ([{client}]) by b.example; Thu, 1 Jan 2026 00:00:00 +0000"
    letter = mail(ip=None, headers={"Received": received})
    assert ("ASN" in (await scan(Asn, letter, config=NETS, dns=dns())).hits) == there


async def test_zones_and_names_can_be_chosen():
    config = "asn { provider_info { ip4 = own.example; } symbol = NET; }"
    assert (await scan(Asn, mail(ip=PUBLIC), config=config, dns=dns())).hits == {
        "NET": ["asn:64509, ipnet:203.0.113.0/24, country:AT"]
    }
    failing = dns("TXT 7.113.0.203.own.example.")
    found = await scan(Asn, mail(ip=PUBLIC), config=config, dns=failing)
    assert found.hits == {"NET_FAIL": ["7.113.0.203.own.example:servfail"]}


@pytest.mark.parametrize(
    "selector, value",
    [("asn", "64500"), ("country", "DE"), ("pool_var('ipnet')", "203.0.113.0/24")],
)
async def test_selectors_know_it(selector, value):
    task = (await scan(Asn, mail(ip=PUBLIC), dns=dns())).task
    assert parse_selector(selector).values(task) == [value]


async def test_a_network_can_be_limited():
    config = (
        'ratelimit { rates { net { selector = "asn"; bucket { burst = 1; rate = "1 / 1h"; } } } }'
    )
    async with Bench([Asn, Ratelimit], config=config, dns=dns()) as bench:
        assert (await bench.scan(mail(ip="192.0.2.1"))).action == "no action"
        assert (await bench.scan(mail(ip="192.0.2.2"))).action == "soft reject"
        assert (await bench.scan(mail(ip=PUBLIC))).action == "no action"


def write(path, network, record):
    writer = MMDBWriter(6, "Test", languages=["en"], ipv4_compatible=True)
    writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def local(tmp_path, **files):
    files = " ".join(f'{name} = "{path}";' for name, path in files.items())
    return f"asn {{ provider_type = mmdb; provider_info {{ {files} }} }}"


async def test_databases_on_this_machine(tmp_path):
    numbers = write(tmp_path / "a", "203.0.113.0/24", {"autonomous_system_number": 64500})
    countries = write(tmp_path / "c", "203.0.0.0/16", {"country": {"iso_code": "DE"}})
    zone_ = dns()
    config = local(tmp_path, asn_file=numbers, country_file=countries)
    result = await scan(Asn, mail(ip=PUBLIC), config=config, dns=zone_)
    assert result.hits == {"ASN": ["asn:64500, ipnet:203.0.113.0/24, country:DE"]}
    assert zone_.asked == []
    config = local(tmp_path, country_file=countries)
    result = await scan(Asn, mail(ip=PUBLIC), config=config, dns=zone_)
    assert result.hits == {"ASN": ["country:DE"]}
    assert (await scan(Asn, mail(ip="198.51.100.1"), config=config, dns=zone_)).hits == {}


@pytest.mark.parametrize(
    "config, said",
    [
        ("provider_type = whois", "one of: mmdb, rspamd"),
        ("provider_type = mmdb", "needs `asn_file` or `country_file`"),
        (
            "provider_type = mmdb; provider_info { asn_file = /nowhere/a.mmdb }",
            "/nowhere/a.mmdb cannot be read",
        ),
        ("provider_info { ip5 = a }", "unknown key"),
    ],
)
def test_mistakes_are_named(config, said):
    with pytest.raises(ConfigError, match=said):
        build_app([Asn], config=f"asn {{ {config} }}")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="0|. /AS", max_size=40).map(str.encode))
def test_whatever_a_record_holds_the_fields_are_clean(record):
    origin = parse_origin(record)
    assert all(field.isprintable() and field.isascii() for field in origin)
    assert origin.asn == "" or int(origin.asn) >= 0
