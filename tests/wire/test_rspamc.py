# SPDX-License-Identifier: Apache-2.0
"""Rspamd's own client against our scan port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatepost_server import run_gatepost
from letters import GTUBE, letter
from servers_rspamd import needs_rspamc, rspamc, rspamc_json

pytestmark = needs_rspamc


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    files = {
        "local.d/settings.conf": """
            wire { priority = high; authenticated = yes; apply { symbols { WIRE_ONE = 1.0; } } }
        """,
        "local.d/groups.conf": 'group "wire" { symbols { WIRE_ONE { weight = 1.5; } } }',
    }
    with run_gatepost(tmp_path_factory.mktemp("rspamc"), files) as gatepost:
        yield gatepost.scan


def test_a_letter_is_printed_with_action_score_and_symbols(port: str) -> None:
    printed = rspamc(port, letter(), "-u", "alice@example.org", "-i", "10.0.0.5").splitlines()
    assert printed[0].startswith("Results for file: stdin (")
    assert printed[1:5] == [
        "[Metric: default]",
        "Action: no action",
        "Spam: false",
        "Score: 1.50 / 15.00",
    ]
    assert "Symbol: WIRE_ONE (1.50)" in printed
    assert "Message-ID: letter@example.org" in printed


def test_the_test_pattern_is_printed_as_spam_with_its_text(port: str) -> None:
    printed = rspamc(port, letter(GTUBE)).splitlines()
    assert {"Action: reject", "Spam: true", "Message - smtp_message: Gtube pattern"} <= {*printed}


def test_its_json_is_our_reply(port: str) -> None:
    reply = rspamc_json(port, letter(), "-F", "alice@example.org", "-r", "bob@example.com")
    assert (reply["action"], reply["required_score"]) == ("no action", 15.0)


def test_its_mime_output_is_the_letter_with_the_verdict_on_top(port: str) -> None:
    printed = rspamc(port, letter("unchanged text"), "--mime")
    assert "X-Spam-Action: no action" in printed
    assert printed.rstrip().endswith("unchanged text")
