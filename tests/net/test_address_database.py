# SPDX-License-Identifier: Apache-2.0
"""What a file in MaxMind's format says of an address, and what happens when it is replaced."""

import os
from ipaddress import ip_address

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gatepost.net import AddressDatabase, AddressOrigin, DatabaseError

GOOGLE = {"autonomous_system_number": 15169, "autonomous_system_organization": "GOOGLE"}
IPINFO = {"asn": "AS64500", "country": "de", "as_name": "x"}


def write(path, version=6, **networks):
    """A database of networks, and their records."""
    writer = MMDBWriter(version, "Test", languages=["en"], ipv4_compatible=version == 6)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


@pytest.mark.parametrize(
    "record, ip, origin",
    [
        (GOOGLE, "8.8.8.8", ("15169", "8.8.8.0/24", "")),
        (IPINFO, "8.8.8.8", ("64500", "8.8.8.0/24", "DE")),
        ({"country": {"iso_code": "US"}}, "8.8.8.8", ("", "8.8.8.0/24", "US")),
        ({"registered_country": {"iso_code": "FR"}}, "8.8.8.8", ("", "8.8.8.0/24", "FR")),
        (
            {"country": {"iso_code": "US"}, "registered_country": {"iso_code": "FR"}},
            "8.8.8.8",
            ("", "8.8.8.0/24", "US"),
        ),
        ({"country_code": "NL"}, "8.8.8.8", ("", "8.8.8.0/24", "NL")),
        ({"asn": "private", "country": "Europe"}, "8.8.8.8", ("", "8.8.8.0/24", "")),
        (GOOGLE, "8.8.9.8", ("", "", "")),
        (GOOGLE, "2001:db8::1", ("", "", "")),
    ],
)
def test_what_records_say(tmp_path, record, ip, origin):
    database = AddressDatabase(write(tmp_path / "a.mmdb", **{"8.8.8.0/24": record}))
    assert database.find(ip_address(ip)) == AddressOrigin(*origin)


def test_networks_of_ipv6(tmp_path):
    database = AddressDatabase(write(tmp_path / "a.mmdb", **{"2001:db8::/32": GOOGLE}))
    assert database.find(ip_address("2001:db8::1")).network == "2001:db8::/32"


def test_a_database_of_ipv4_knows_nothing_of_ipv6(tmp_path):
    database = AddressDatabase(write(tmp_path / "a.mmdb", version=4, **{"8.8.8.0/24": GOOGLE}))
    assert database.find(ip_address("8.8.8.8")).asn == "15169"
    assert database.find(ip_address("2001:db8::1")) == AddressOrigin()


def test_a_new_file_takes_the_place_of_the_old_one(tmp_path):
    path = write(tmp_path / "a.mmdb", **{"8.8.8.0/24": GOOGLE})
    database = AddressDatabase(path)
    assert not database.refresh()
    os.replace(write(tmp_path / "new", **{"8.8.8.0/24": IPINFO}), path)
    assert database.refresh()
    assert database.find(ip_address("8.8.8.8")).asn == "64500"


@pytest.mark.parametrize("content", [None, b"", b"not a database"])
def test_the_old_data_stay_when_the_new_file_is_none(tmp_path, content):
    path = write(tmp_path / "a.mmdb", **{"8.8.8.0/24": GOOGLE})
    database = AddressDatabase(path)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert not database.refresh()
    assert database.find(ip_address("8.8.8.8")).asn == "15169"


@pytest.mark.parametrize("content, said", [(None, "cannot be read"), (b"x" * 99, "is no database")])
def test_what_is_no_database_is_said_so(tmp_path, content, said):
    path = tmp_path / "a.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatabaseError, match=said):
        AddressDatabase(path)


def test_a_damaged_database_knows_nothing(tmp_path):
    path = write(tmp_path / "a.mmdb", **{"8.8.8.0/24": GOOGLE})
    whole = path.read_bytes()
    end = whole.rindex(b"\xab\xcd\xefMaxMind.com")
    for start in range(16, end, 7):
        path.write_bytes(whole[:start] + bytes([255] * 5) + whole[start + 5 :])
        try:
            database = AddressDatabase(path)
        except DatabaseError:
            continue
        assert len(database.find(ip_address("8.8.8.8")).asn) <= 20
