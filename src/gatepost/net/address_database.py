# SPDX-License-Identifier: Apache-2.0
"""From which network and country is an address, by a database in MaxMind's format (MMDB)?

Reads what GeoLite2 ASN and Country, DB-IP lite and IPinfo lite have in their records. A file is
mapped into memory: replace it by renaming a new one over it, as ``geoipupdate`` does.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from typing import NamedTuple

import maxminddb

from gatepost.net.errors import DatabaseError

log = logging.getLogger("gatepost.net")


class AddressOrigin(NamedTuple):
    """Number of the autonomous system, network, ISO code of the country; empty: not known."""

    asn: str = ""
    network: str = ""
    country: str = ""


class AddressDatabase:
    """One file. Look-ups do no I/O but that of the memory map."""

    def __init__(self, path: Path) -> None:
        """Raises ``DatabaseError``."""
        self.path = path
        self.stamp = self._stamp()
        self.reader = self._open()

    def find(self, ip: IPv4Address | IPv6Address) -> AddressOrigin:
        """What the record of the address says; all empty where there is none."""
        try:
            record, length = self.reader.get_with_prefix_len(ip)
        except (ValueError, maxminddb.InvalidDatabaseError):  # IPv6 in a database of IPv4
            return AddressOrigin()
        if not isinstance(record, Mapping):
            return AddressOrigin()
        network = ip_network((ip, min(length, ip.max_prefixlen)), strict=False)
        return AddressOrigin(number_in(record), str(network), country_in(record))

    def refresh(self) -> bool:
        """Opens the file again when it is another one; the old data stay where that fails."""
        try:
            stamp = self._stamp()
            if stamp == self.stamp:
                return False
            self.reader, self.stamp = self._open(), stamp
        except DatabaseError as error:
            log.warning("%s; the old data stay", error)
            return False
        log.info("%s: opened again", self.path)
        return True

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError as error:
            raise DatabaseError(f"{self.path} cannot be read: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _open(self) -> maxminddb.Reader:
        try:
            return maxminddb.open_database(self.path)
        except OSError as error:
            raise DatabaseError(f"{self.path} cannot be read: {error.strerror}") from error
        except (ValueError, maxminddb.InvalidDatabaseError) as error:
            raise DatabaseError(f"{self.path} is no database in MaxMind's format") from error


def number_in(record: Mapping[str, object]) -> str:
    """``15169``, also where it is written ``AS15169``."""
    value = record.get("autonomous_system_number", record.get("asn", ""))
    text = str(value).upper().removeprefix("AS")
    return text if text.isascii() and text.isdigit() else ""


def country_in(record: Mapping[str, object]) -> str:
    """Two letters; the country of who registered the network where no other is known."""
    for key in ("country", "registered_country", "country_code"):
        value = record.get(key)
        code = value.get("iso_code") if isinstance(value, Mapping) else value
        if isinstance(code, str) and len(code) == 2:
            return code.upper()
    return ""
