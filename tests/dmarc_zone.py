# SPDX-License-Identifier: Apache-2.0
"""A made-up DNS of TXT records for the tests of DMARC."""

from __future__ import annotations

from gatepost.net import Answer, RecordType
from gatepost.net.answers import Rcode


class Zone:
    """Answers TXT queries from ``{name: record or records}``.

    The names of ``codes`` get that result code; every other name does not exist. ``asked``
    lists the names in the order of the queries.
    """

    def __init__(
        self,
        texts: dict[str, str | bytes | list[str] | list[bytes]] | None = None,
        codes: dict[str, Rcode] | None = None,
    ) -> None:
        self.texts = texts or {}
        self.codes = codes or {}
        self.asked: list[str] = []

    async def query(self, name: str, type: RecordType) -> Answer:
        assert type == "TXT"
        self.asked.append(name)
        if name in self.codes:
            return Answer(self.codes[name])
        found = self.texts.get(name)
        if found is None:
            return Answer("nxdomain")
        texts = found if isinstance(found, list) else [found]
        records = tuple(text if isinstance(text, bytes) else text.encode() for text in texts)
        return Answer("noerror", records, 300.0)
