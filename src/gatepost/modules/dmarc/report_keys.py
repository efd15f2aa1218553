# SPDX-License-Identifier: Apache-2.0
"""Under which keys of the store are the reports of a day, and what has become of them?

The index and the rows are where Rspamd has them, so that both can feed one report. A day is one
of local time. Source: direction-modules reference §4 (8).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gatepost.authn import ReportUri
from gatepost.modules.dmarc.options import RedisKeys


class Day(NamedTuple):
    """One day: ``period`` is ``YYYYMMDD``; ``begin`` and ``end`` its first and last second."""

    period: str
    begin: int
    end: int


def day_of(moment: float) -> Day:
    """The local day that ``moment`` (seconds since the epoch) is in."""
    year, month, date = time.localtime(moment)[:3]
    return make_day(year, month, date)


def make_day(year: int, month: int, date: int) -> Day:
    """That local day; a day on which clocks are changed has 23 or 25 hours."""
    # mktime() knows the day after the 31st, and finds out whether it is summer time.
    begin = time.mktime((year, month, date, 0, 0, 0, 0, 0, -1))
    after = time.mktime((year, month, date + 1, 0, 0, 0, 0, 0, -1))
    return Day(f"{year:04d}{month:02d}{date:02d}", int(begin), int(after) - 1)


def period_of(moment: float) -> str:
    """``YYYYMMDD`` of that moment, in local time."""
    return time.strftime("%Y%m%d", time.localtime(moment))


class ReportState(msgspec.Struct, frozen=True):
    """How far the report of a domain and day has got.

    ``done`` are the addresses that need it no more: they have it, or refused it for good.
    ``had`` counts those that have it. ``finished``: nothing is left to be done.
    """

    report_id: str = ""
    done: tuple[str, ...] = ()
    had: int = 0
    finished: bool = False


class ReportKeys:
    """The keys, with the prefixes of the configuration."""

    def __init__(self, names: RedisKeys) -> None:
        self.names = names

    def index(self, period: str) -> str:
        """The set of the report keys of a day."""
        return self._join(self.names.index_prefix, period)

    def report(self, domain: str, rua: str, period: str) -> str:
        """The ranked set of rows with their counts."""
        return self._join(self.names.report_prefix, domain, rua, period)

    def records(self, period: str) -> str:
        """The hash of the policies that were found, by domain. Ours, not Rspamd's."""
        return self._join("dmarc_rec", period)

    def counts(self, period: str) -> str:
        """The hash that counts domains. Ours."""
        return self._join("dmarc_cnt", period)

    def state(self, domain: str, period: str) -> str:
        """A `ReportState` as JSON. Ours."""
        return self._join("dmarc_state", domain, period)

    def claim(self, domain: str, period: str) -> str:
        """The lease of whoever sends that report now. Ours."""
        return self._join("dmarc_claim", domain, period)

    def domain(self, report: str, period: str) -> str | None:
        """The domain in a report key of that day; ``None``: it is no such key."""
        join = self.names.join_char
        start, end = self.names.report_prefix + join, join + period
        if not report.startswith(start) or not report.endswith(end):
            return None
        domain, found, _ = report[len(start) : -len(end)].partition(join)
        return domain.lower() if found and domain else None

    def _join(self, *parts: str) -> str:
        return self.names.join_char.join(parts)


def rua_text(uris: Iterable[ReportUri]) -> str:
    """The list as one text for a key: as published, without blanks, in lower case."""
    return ",".join(
        uri.uri.lower() + ("" if uri.max_size is None else f"!{uri.max_size}") for uri in uris
    )
