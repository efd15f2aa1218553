# SPDX-License-Identifier: Apache-2.0
"""When was this, in seconds since the epoch (RFC 5322 3.3 and 4.3)?"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
# RFC 5322 4.3: the obsolete zone names that mean what they say; all others are +0000.
ZONES = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
DATE = re.compile(
    r"\s*(?:[A-Za-z]{2,9}\.?,?\s*)?(\d{1,2})[\s-]{1,9}([A-Za-z]{3})[A-Za-z]{0,6}\.?[\s-]{1,9}"
    r"(\d{2,4})\s{1,9}(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d{1,9})?"
    r"\s{0,9}(?:([+-])\s?(\d{2}):?(\d{2})|([A-Za-z]{1,5}))?"
)
MAX_DATE = 256


def parse_date(text: str) -> float | None:
    """The moment that a Date header or the end of a Received header names; ``None``: none."""
    found = DATE.match(text[:MAX_DATE])
    if found is None:
        return None
    day, month_name, year_text, hour, minute, second, sign, zone_h, zone_m, zone = found.groups()
    month = MONTHS.get(month_name.lower())
    if month is None:
        return None
    year = int(year_text)
    if len(year_text) == 2:  # RFC 5322 4.3
        year += 2000 if year < 50 else 1900
    elif len(year_text) == 3:
        year += 1900
    if sign:
        offset = timedelta(hours=int(zone_h), minutes=int(zone_m))
        if sign == "-":
            offset = -offset
    else:
        offset = timedelta(hours=ZONES.get((zone or "").lower(), 0))
    try:
        moment = datetime(
            year, month, int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=UTC
        )
        return (moment - offset).timestamp()
    except (ValueError, OverflowError):
        return None
