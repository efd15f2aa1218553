# SPDX-License-Identifier: Apache-2.0
"""The symbols as shipped: scores and groups by content reference §5.6, written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.app import build
from gatepost.modules.rbl import Rbl
from gatepost.modules.rbl.shipped import SYMBOLS, symbol_named

SCORES = """
RBL_SPAMHAUS_SBL 4 · RBL_SPAMHAUS_CSS 2 · RBL_SPAMHAUS_XBL 4 · RBL_SPAMHAUS_PBL 2
RBL_SPAMHAUS_DROP 7 · RECEIVED_SPAMHAUS_SBL 3 · RECEIVED_SPAMHAUS_CSS 1
RECEIVED_SPAMHAUS_XBL 1 · RECEIVED_SPAMHAUS_PBL 0 · RECEIVED_SPAMHAUS_DROP 6
RCVD_IN_DNSWL_HI -0.5 · RCVD_IN_DNSWL_MED -0.2 · RCVD_IN_DNSWL_LOW -0.1 · DWL_DNSWL_HI -3.5
RBL_MAILSPIKE_WORST 2 · RWL_MAILSPIKE_EXCELLENT -0.4 · RBL_SEM 1 · RBL_SEM_IPV6 1
RBL_VIRUSFREE_BOTNET 2 · RBL_BLOCKLISTDE 4 · RECEIVED_BLOCKLISTDE 3
RBL_SENDERSCORE_PRST_NA_BOT 3 · RBL_SENDERSCORE_REPUT_9 -1
PH_SURBL_MULTI 7.5 · MW_SURBL_MULTI 7.5 · ABUSE_SURBL 5 · CRACKED_SURBL 5 · SURBL_BLOCKED 0
RSPAMD_URIBL 4.5 · RSPAMD_EMAILBL 2.5 · MSBL_EBL 7.5 · MSBL_EBL_GREY 0.5
SEM_URIBL 3.5 · SEM_URIBL_FRESH15 3 · DBL_SPAM 6.5 · DBL_PHISH 7.5 · DBL_MALWARE 7.5
DBL_BOTNET 7.5 · DBL_ABUSE 5 · DBL_ABUSE_PHISH 6.5 · URIBL_BLACK 7.5 · URIBL_RED 0.5
URIBL_GREY 2.5 · URIBL_SBL 6.5 · URIBL_PBL 0.01
"""
ROWS = [row.split() for line in SCORES.strip().splitlines() for row in line.split(" · ")]


@pytest.mark.parametrize(("name", "score"), ROWS, ids=[name for name, _ in ROWS])
def test_scores_are_those_of_the_reference(name: str, score: str) -> None:
    assert SYMBOLS[name].score == float(score)


@pytest.mark.parametrize(
    ("name", "group", "one_shot"),
    [
        ("RBL_SPAMHAUS_SBL", "rbl", False),
        ("RECEIVED_SPAMHAUS_SBL", "rbl", True),
        ("RECEIVED_BLOCKLISTDE", "rbl", True),
        ("URIBL_BLACK", "surbl", True),
        ("MSBL_EBL", "surbl", True),
        ("RBL_SENDERSCORE_BOT", "senderscore", False),
    ],
)
def test_groups_and_one_shot(name: str, group: str, one_shot: bool) -> None:
    symbol = symbol_named(name)
    assert (symbol.group, symbol.one_shot) == (group, one_shot)
    assert "rbl" in (symbol.group, *symbol.groups)


def test_an_operators_own_symbol_has_no_score() -> None:
    assert (symbol_named("MY_LIST").score, symbol_named("MY_LIST").group) == (0.0, "rbl")
    assert symbol_named("MY_LIST_FAIL", failure=True).nostat


def test_every_symbol_that_a_shipped_rule_may_insert_is_described(tmp_path: Path) -> None:
    app = build(str(tmp_path), environment={"GATEPOST_STATE": str(tmp_path)}, modules=[Rbl])
    module = next(loaded.module for loaded in app.modules)
    unknown = [
        symbol.name
        for symbol in module.symbols()
        if symbol.name not in SYMBOLS and not symbol.name.endswith(("_FAIL", "_CHECK"))
    ]
    assert unknown == []
