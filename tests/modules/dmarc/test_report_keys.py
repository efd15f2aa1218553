# SPDX-License-Identifier: Apache-2.0
"""Keys as Rspamd has them, and days of local time."""

import time

import pytest

from gatepost.authn import parse_report_uris
from gatepost.modules.dmarc.options import RedisKeys
from gatepost.modules.dmarc.report_keys import ReportKeys, day_of, make_day, period_of, rua_text
from gatepost.testing import NOW

KEYS = ReportKeys(RedisKeys())


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_index_and_rows_are_where_rspamd_has_them():
    rua = rua_text(parse_report_uris("mailto:D@A.example!10m, mailto:e@b.example").uris)
    assert KEYS.index("20260101") == "dmarc_idx;20260101"
    assert KEYS.report("a.example", rua, "20260101") == (
        "dmarc_rpt;a.example;mailto:d@a.example!10485760,mailto:e@b.example;20260101"
    )


def test_the_prefixes_can_be_others():
    keys = ReportKeys(RedisKeys(index_prefix="idx", report_prefix="rpt", join_char="|"))
    assert keys.index("20260101") == "idx|20260101"
    assert keys.domain(keys.report("a.example", "mailto:x@y.example", "20260101"), "20260101") == (
        "a.example"
    )


@pytest.mark.parametrize(
    "key, domain",
    [
        ("dmarc_rpt;a.example;mailto:d@a.example;20260101", "a.example"),
        ("dmarc_rpt;A.Example;mailto:d@a.example,mailto:x;y@b.example;20260101", "a.example"),
        ("dmarc_rpt;a.example;mailto:d@a.example;20260102", None),  # another day
        ("other;a.example;mailto:d@a.example;20260101", None),
        ("dmarc_rpt;a.example;20260101", None),
        ("dmarc_rpt;;x;20260101", None),
        ("dmarc_rpt;20260101", None),
        ("", None),
    ],
)
def test_the_domain_of_a_report_is_in_its_key(key, domain):
    assert KEYS.domain(key, "20260101") == domain


def test_a_day_goes_from_midnight_to_midnight(berlin):
    day = day_of(NOW)  # 01:00 in Berlin
    assert day == ("20260101", NOW - 3600, NOW - 3600 + 86_399)
    assert period_of(NOW - 3601) == "20251231"
    assert day_of(day.begin) == day_of(day.end) == day


@pytest.mark.parametrize(
    "date, hours", [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 12, 31), 24)]
)
def test_days_on_which_clocks_are_changed_are_whole(berlin, date, hours):
    day = make_day(*date)
    assert day.end + 1 - day.begin == hours * 3600
    assert day_of(day.end + 1).begin == day.end + 1
