# SPDX-License-Identifier: Apache-2.0
"""options.dns: servers, health and made-up records, and what is wrong in them."""

from __future__ import annotations

import pytest

from gatepost.config import OptionsSection, Problems, bind
from gatepost.net import ResolverSettings
from gatepost.scan.dns_section import FakeRecords, read_dns
from gatepost.ucl import Object, parse


def read(text: str) -> tuple[ResolverSettings, FakeRecords, list[str]]:
    section = parse(text, "options.inc")
    assert isinstance(section, Object)
    problems = Problems()
    options = bind(OptionsSection, section, "options", problems)
    settings, records = read_dns(options, section, problems)
    return settings, records, [str(problem) for problem in problems.all]


def test_servers_and_times_are_taken_over() -> None:
    settings, _, problems = read(
        'dns { nameserver = ["192.0.2.1:53:10", "[2001:db8::1]"]; timeout = 2s; retransmits = 3; } '
        "upstream { max_errors = 7; revive_time = 5min; }"
    )
    assert settings.nameserver == ("192.0.2.1:53:10", "[2001:db8::1]")
    assert (settings.timeout, settings.retransmits) == (2.0, 3)
    assert (settings.health.max_errors, settings.health.revive_time) == (7, 300.0)
    assert problems == []


def test_an_upstream_string_is_one_server_list() -> None:
    settings, _, problems = read('dns { nameserver = "master-slave:192.0.2.1:53:10,192.0.2.2"; }')
    assert settings.nameserver == ("master-slave:192.0.2.1:53:10,192.0.2.2",)
    assert problems == []


def test_fake_records_are_as_in_rspamd() -> None:
    _, records, problems = read(
        """dns { fake_records = [
          { name = "a.example"; type = txt; replies = ["v=spf1 -all"]; },
          { name = "b.example"; type = mx; replies = ["10 mx.b.example"]; },
          { name = "c.example"; rcode = nxdomain; },
        ]; }"""
    )
    assert problems == []
    assert records[("a.example", "TXT")].records == (b"v=spf1 -all",)
    assert records[("b.example", "MX")].ok
    assert records[("c.example", "A")].rcode == "nxdomain"


@pytest.mark.parametrize(
    "text, expected",
    [
        ('dns { nameserver = ["ns.example.org"]; }', "options.inc:1: error: options.dns: "),
        (
            "dns {\n  fake_records = [ { name = x; type = nonsense; replies = [y]; } ];\n}",
            "options.inc:2: error: options.dns.fake_records, entry 1: ",
        ),
        ("dns { timeout = 0; }", "options.dns.timeout: expected a number (more than 0)"),
    ],
)
def test_mistakes_name_their_place(text: str, expected: str) -> None:
    _, _, problems = read(text)
    assert len(problems) == 1 and expected in problems[0]
