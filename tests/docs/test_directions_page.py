# SPDX-License-Identifier: Apache-2.0
"""Is what docs/directions.md says about local, authenticated and the switches true?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gatepost.testing import Letter, mail
from pages import Page, Scanner

PAGE = Page("docs/directions.md")
STRANGER = "203.0.113.7"
RECEIVED = "from x (x.example [10.1.0.1]) by y.example with ESMTP; Thu, 1 Jan 2026 00:00:00 +0000"


@pytest.fixture
async def scans(tmp_path: Path) -> AsyncIterator[Scanner]:
    async with Scanner(tmp_path, [PAGE.files("Directions")]) as scanner:
        yield scanner


@pytest.mark.parametrize(
    ("letter", "kind"),
    [
        (mail(ip=STRANGER), "inbound"),
        (mail(ip=STRANGER, user=""), "inbound"),
        (mail(ip=STRANGER, user="anna"), "authenticated"),
        (mail(ip="10.1.0.1"), "local"),
        (mail(ip="2001:db8:1::9"), "local"),
        (mail(ip="10.2.0.1"), "inbound"),
        (mail(ip="192.168.1.1"), "inbound"),
        (mail(ip="::1"), "local"),
        (mail(ip="fe80::1"), "local"),
        (mail(ip="/run/x.sock"), "local"),
        (mail(ip="10.1.0.1", user="anna"), "both"),
        (mail(ip=None, headers={"Received": RECEIVED}), "inbound"),
    ],
)
async def test_two_facts_make_the_direction(scans: Scanner, letter: Letter, kind: str) -> None:
    assert (await scans.scan(letter)).task.direction.kind == kind


async def test_the_switch_of_a_module_goes_before_that_of_options(scans: Scanner) -> None:
    outcomes = (await scans.scan(mail(user="anna"))).outcomes
    assert outcomes["SPF_CHECK"].outcome == "ran"
    assert (outcomes["ONCE_RECEIVED"].outcome, outcomes["ONCE_RECEIVED"].reason) == (
        "skipped",
        "authenticated",
    )
    local = (await scans.scan(mail(ip="10.1.0.1"))).outcomes
    assert local["SPF_CHECK"].outcome == "skipped", "check_local falls back to options by itself"
