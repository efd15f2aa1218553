# SPDX-License-Identifier: Apache-2.0
"""A resolver over a zone written as the RFC 7208 test suite writes its zones.

    {"example.org": [{"TXT": "v=spf1 mx -all"}, {"MX": [10, "mx.example.org"]}, "TIMEOUT"]}

``TIMEOUT`` is the answer to every type that has no record before it; a record of type ``SPF`` is
a TXT record too, where there are none of those.
"""

from collections import Counter

from gatepost.net import Answer, Mx


class ZoneResolver:
    """Answers from ``zone``; names that are not in it do not exist. ``asked`` counts queries."""

    def __init__(self, zone, *, ttl=300.0):
        self.zone = {name.lower().rstrip("."): list(entries) for name, entries in zone.items()}
        self.ttl = ttl
        self.asked = Counter()

    async def query(self, name, type):
        self.asked[name, type] += 1
        return self.find(name.lower().removesuffix("."), type, 0)

    def find(self, name, kind, aliases):
        if aliases > 8:
            return Answer("servfail")
        if any(not 0 < len(label.encode()) < 64 for label in name.split(".")):
            return Answer("badname")
        if name not in self.zone:
            return Answer("nxdomain")
        entries = self.zone[name]
        records = [read(kind, entry[kind]) for entry in entries if kind in entry]
        if kind == "TXT" and not any("TXT" in entry for entry in entries):
            records = [read(kind, entry["SPF"]) for entry in entries if "SPF" in entry]
        records = tuple(record for record in records if record != b"NONE")
        if records:
            return Answer("noerror", records, self.ttl)
        alias = next((entry["CNAME"] for entry in entries if "CNAME" in entry), None)
        if alias is not None:
            return self.find(alias.lower().rstrip("."), kind, aliases + 1)
        return Answer("timeout" if "TIMEOUT" in entries else "norec")


def read(kind, value):
    if kind == "TXT":
        joined = value if isinstance(value, str | bytes) else "".join(value)
        return joined.encode("utf-8") if isinstance(joined, str) else joined
    if kind == "MX":
        return Mx(value[0], value[1].lower().rstrip(".") or ".")
    return value.lower().rstrip(".")
