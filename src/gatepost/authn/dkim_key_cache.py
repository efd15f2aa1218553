# SPDX-License-Identifier: Apache-2.0
"""Public keys that were parsed already, kept as long as the DNS lets them be kept."""

from typing import Protocol

from gatepost.authn.dkim_key_record import KeyProblem, KeyRecord

KeyRecords = tuple[KeyRecord | KeyProblem, ...]


class KeyCache(Protocol):
    """What the verifier needs of a cache. Names are those of the key records."""

    def find(self, name: str, now: float) -> KeyRecords | None:
        """The records at ``name``, if they are known and not older than their TTL."""
        ...  # pragma: no cover

    def keep(self, name: str, records: KeyRecords, expires: float) -> None:
        """Remember the records until ``expires``."""
        ...  # pragma: no cover


class KeyMemory:
    """A cache of ``size`` names in memory; the one longest unused goes first."""

    __slots__ = ("entries", "size")

    def __init__(self, size: int = 2048) -> None:
        self.size = size
        self.entries: dict[str, tuple[float, KeyRecords]] = {}

    def find(self, name: str, now: float) -> KeyRecords | None:
        """As :meth:`KeyCache.find`."""
        entry = self.entries.pop(name, None)
        if entry is None or entry[0] <= now:
            return None
        self.entries[name] = entry  # a dict keeps its order: the newest is last
        return entry[1]

    def keep(self, name: str, records: KeyRecords, expires: float) -> None:
        """As :meth:`KeyCache.keep`."""
        self.entries.pop(name, None)
        while self.entries and len(self.entries) >= self.size:
            del self.entries[next(iter(self.entries))]
        if self.size > 0:
            self.entries[name] = (expires, records)
