# SPDX-License-Identifier: Apache-2.0
"""Which rules come of a configuration, and what is said of those that do not."""

from __future__ import annotations

import pytest

from gatepost.config import ConfigError
from gatepost.modules.reputation import Reputation
from gatepost.modules.reputation.backends import DnsBackend, StoreBackend
from gatepost.modules.reputation.kinds import GenericKind, SenderKind, UrlKind
from gatepost.testing import build_app


def made(text: str) -> tuple[Reputation, list[str]]:
    """The module under these rules, and the warnings."""
    app = build_app((Reputation,), config=f"reputation {{ {text} }}")
    (loaded,) = app.modules
    assert isinstance(loaded.module, Reputation)
    return loaded.module, [problem.message for problem in app.problems.warnings]


def wrong(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        made(text)
    return str(caught.value)


def test_rules_as_rspamds_documentation_writes_them() -> None:
    module, warnings = made("""
        rules {
            ip_reputation = {
                selector "ip" { }
                backend "redis" { servers = "localhost"; }
                symbol = "IP_REPUTATION";
            }
            url_reputation = { selector "url" { max_urls = 5; } backend "redis" { } }
            generic = {
                selector "generic" { selector = "ip"; outbound = false; }
                backend "dns" { list = "rep.example.org"; }
            }
        }
    """)
    assert [rule.symbol for rule in module.rules] == ["IP_REPUTATION", "URL_SCORE", "generic"]
    kinds = [type(rule.kind) for rule in module.rules]
    assert kinds == [SenderKind, UrlKind, GenericKind]
    backends = [type(rule.backend) for rule in module.rules]
    assert backends == [StoreBackend, StoreBackend, DnsBackend]
    assert warnings == [
        "reputation.rules.ip_reputation.backend.redis.servers: "
        "ignored: all modules keep their state where `redis.conf` says"
    ]


def test_rules_may_be_written_in_several_places() -> None:
    module, _ = made("""
        rules "A" { selector "url" { } backend "redis" { } symbol = "A"; }
        rules "B" { selector "dkim" { } backend "redis" { } symbol = "B"; }
    """)
    assert [rule.symbol for rule in module.rules] == ["A", "B"]


def test_a_rule_that_is_off_may_be_half_written() -> None:
    module, warnings = made("rules { A { enabled = false; selector = 3; } }")
    assert (module.rules, module.ready(), warnings) == ([], False, [])


def test_a_rule_for_no_mail_is_for_all_mail_and_says_so() -> None:
    module, warnings = made("""
        rules { A { selector "url" { inbound = false; outbound = false; } backend "redis" { } } }
    """)
    assert len(module.rules) == 1
    assert warnings == [
        "reputation.rules.A.selector.url: "
        "neither inbound nor outbound: as in Rspamd, the rule is for all mail then"
    ]


RULE = "rules { A { selector %s backend %s %s } }"
URL, STORE = '"url" { }', '"redis" { }'


@pytest.mark.parametrize(
    "rules, message",
    [
        (RULE % ('"urls" { }', STORE, ""), "unknown selector `urls`"),
        (RULE % (URL, '"memcached" { }', ""), "unknown backend `memcached`"),
        (RULE % ('= "url"; ', STORE, ""), 'A.selector: expected selector "…" { … }'),
        (RULE % ('{ url { } ip { } }', STORE, ""), "A.selector: expected selector"),
        (RULE % ("{ url = 3; }", STORE, ""), "A.selector.url: expected a section"),
        ('rules { A { backend "redis" { } } }', "`selector` is missing"),
        ('rules { A { selector "url" { } } }', "`backend` is missing"),
        (RULE % ('"url" { max_url = 3; }', STORE, ""), "selector.url.max_url: unknown key"),
        (RULE % (URL, '"dns" { }', ""), "backend.dns: `list` is missing"),
        (RULE % (URL, '"redis" { buckets = [] }', ""), "one or more buckets"),
        (
            RULE % (URL, '"redis" { buckets = [{name=a;time=1},{name=a;time=2}] }', ""),
            "a name of its own",
        ),
        (RULE % ('"generic" { }', STORE, ""), "`selector` is missing"),
        (RULE % ('"generic" { selector = "what(1)"; }', STORE, ""), "selector.generic.selector"),
        (RULE % (URL, STORE, "simbol = x;"), "reputation.rules.A.simbol: unknown key"),
        (RULE % (URL, STORE, 'exclusion_map { type = "odd" }'), "exclusion_map"),
        ("rules = 3;", "reputation.rules: expected NAME { selector"),
        ("rules { A = 3; }", "reputation.rules.A: expected one section"),
        (
            'rules { A { selector "url" { } backend "redis" { } } '
            'B { selector "url" { } backend "redis" { } } }',
            "another rule has the symbol URL_SCORE already",
        ),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_its_place(rules: str, message: str) -> None:
    found = wrong(rules)
    assert message in found
    assert "test.conf:1" in found


def test_all_mistakes_are_named_at_once() -> None:
    found = wrong("""rules {
        A { selector "urls" { } backend "redis" { } }
        B { selector "url" { } backend "dns" { } }
    }""")
    assert "test.conf:2" in found
    assert "test.conf:3" in found
