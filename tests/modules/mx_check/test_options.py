# SPDX-License-Identifier: Apache-2.0
"""That each finding has an option for its name, and that names of old are still taken."""

from __future__ import annotations

import pytest

from gatepost.config import Problems
from gatepost.config.bind import bind
from gatepost.modules.mx_check.options import FINDINGS, GREYLISTED, Options
from gatepost.ucl import Loader

SCORES = {
    "MX_GOOD": -0.1,
    "MX_WHITE": -0.1,
    "MX_INVALID": 3.0,
    "MX_REFUSED": 3.0,
    "MX_TIMEOUT_CONNECT": 2.0,
    "MX_TIMEOUT_READ": 0.1,
    "MX_ERROR": 0.0,
    "MX_NONE": 4.0,
    "MX_NULL": 6.0,
    "MX_BROKEN": 4.0,
    "MX_DNS_FAIL": 0.0,
    "MX_A_GOOD": 0.0,
    "MX_A_REFUSED": 3.0,
    "MX_A_TIMEOUT_CONNECT": 2.5,
    "MX_A_TIMEOUT_READ": 0.1,
    "MX_A_ERROR": 0.0,
    "MX_A_INVALID": 3.0,
    "MX_LOCAL_ONLY": 3.0,
    "MX_LOCAL_MIX": 3.0,
    "MX_BOGON_ONLY": 8.0,
    "MX_BOGON_MIX": 5.0,
    "MX_SKIP": 0.0,
    "MX_BAD": 6.0,
    "MX_IP_BAD": 6.0,
    "MX_INFLIGHT": 0.0,
    "MX_REDIS_ERROR": 0.0,
}


def test_names_and_scores_are_rspamds() -> None:
    options = Options()
    assert {getattr(options, one.option): one.score for one in FINDINGS} == SCORES


def test_what_asks_for_greylisting_does_so_by_an_option() -> None:
    options = Options()
    asking = {getattr(options, one.option) for one, name in GREYLISTED.items()}
    assert all(getattr(options, name) is True for name in GREYLISTED.values())
    assert {name for name in asking if "_A_" not in name} == {
        *("MX_INVALID", "MX_NONE", "MX_BROKEN", "MX_REFUSED", "MX_NULL"),
        *("MX_TIMEOUT_CONNECT", "MX_TIMEOUT_READ"),
    }


@pytest.mark.parametrize(
    "text, connect_timeout, verify_greeting",
    [
        ("", 2.0, False),
        ("timeout = 1s; wait_for_greeting = yes;", 1.0, True),
        ("timeout = 1s; connect_timeout = 3s;", 3.0, False),
    ],
)
def test_names_of_old_are_taken(text: str, connect_timeout: float, verify_greeting: bool) -> None:
    problems = Problems()
    bound = bind(Options, Loader({}, environment={}).parse(text, "x"), "mx_check", problems)
    assert (bound.connect_timeout, bound.verify_greeting) == (connect_timeout, verify_greeting)
    assert not problems.all


def test_symbols_of_old_keep_the_name_they_were_given() -> None:
    problems = Problems()
    text = "symbol_no_mx = MX_MISSING; symbol_bad_mx = MX_DEAD;"
    bound = bind(Options, Loader({}, environment={}).parse(text, "x"), "mx_check", problems)
    assert (bound.symbol_mx_none, bound.symbol_bad_mx) == ("MX_MISSING", "MX_DEAD")
    assert not problems.all


@pytest.mark.parametrize("text", ["port = 0;", "connect_timeout = 0;", "max_mx_a_records = 0;"])
def test_bounds(text: str) -> None:
    problems = Problems()
    bind(Options, Loader({}, environment={}).parse(text, "x"), "mx_check", problems)
    assert len(problems.errors) == 1
