# SPDX-License-Identifier: Apache-2.0
"""The openspf.org test suite for RFC 7208: every case of it."""

import json
from pathlib import Path

import pytest

from gatepost.authn import check_spf
from spf_zone import ZoneResolver

SUITE = json.loads((Path(__file__).parent / "data" / "rfc7208-tests.json").read_text())
CASES = [
    pytest.param(scenario, case, id=f"{scenario['description']}: {name}")
    for scenario in SUITE["scenarios"]
    for name, case in scenario["tests"].items()
]


def test_the_suite_is_whole():
    assert len(CASES) == 203


@pytest.mark.parametrize("scenario, case", CASES)
async def test_result_and_explanation(scenario, case):
    found = await check_spf(
        ZoneResolver(scenario["zonedata"]),
        ip=case["host"],
        helo=case["helo"],
        mail_from=case["mailfrom"],
        default_explanation="DEFAULT",
    )
    expected = case["result"]
    assert found.result in (expected if isinstance(expected, list) else [expected]), found.problem
    if "explanation" in case:
        assert found.explanation == case["explanation"]
