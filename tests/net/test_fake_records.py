# SPDX-License-Identifier: Apache-2.0
"""``fake_records`` as in Rspamd's configuration (core reference §2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.net import Answer, Mx, Soa, read_fake_records


@pytest.mark.parametrize(
    ("entry", "key", "answer"),
    [
        (
            {"name": "a.test", "replies": ["192.0.2.1", "192.0.2.2"]},
            ("a.test", "A"),
            Answer("noerror", ("192.0.2.1", "192.0.2.2")),
        ),
        (
            {"name": "A.TEST.", "type": "aaaa", "replies": ["2001:DB8::1"]},
            ("a.test", "AAAA"),
            Answer("noerror", ("2001:db8::1",)),
        ),
        (
            {"name": "m.test", "type": "mx", "replies": ["10 A.m.test", "20:b.m.test."]},
            ("m.test", "MX"),
            Answer("noerror", (Mx(10, "a.m.test"), Mx(20, "b.m.test"))),
        ),
        (
            {"name": "t.test", "type": "txt", "replies": ["v=spf1 ip4:192.0.2.1 -all"]},
            ("t.test", "TXT"),
            Answer("noerror", (b"v=spf1 ip4:192.0.2.1 -all",)),
        ),
        (
            {"name": "7.113.0.203.in-addr.arpa", "type": "ptr", "replies": ["mx.test"]},
            ("7.113.0.203.in-addr.arpa", "PTR"),
            Answer("noerror", ("mx.test",)),
        ),
        (
            {"name": "z.test", "type": "soa", "replies": ["ns.z.test post.z.test 1 2 3 4 5"]},
            ("z.test", "SOA"),
            Answer("noerror", (Soa("ns.z.test", "post.z.test", 1, 2, 3, 4, 5),)),
        ),
        ({"name": "n.test", "type": "ns", "replies": "ns.test"}, ("n.test", "NS"), None),
        ({"name": "x.test", "rcode": "nxdomain"}, ("x.test", "A"), Answer("nxdomain")),
        (
            {"name": "x.test", "type": "txt", "code": "norec", "replies": ["ignored"]},
            ("x.test", "TXT"),
            Answer("norec"),
        ),
        ({"name": "x.test", "rcode": "timeout"}, ("x.test", "A"), Answer("timeout")),
        ({"name": "x.test", "rcode": "SERVFAIL"}, ("x.test", "A"), Answer("servfail")),
    ],
)
def test_good_entries(entry, key, answer):
    table = read_fake_records([entry], lambda *_: pytest.fail("complained"))
    assert list(table) == [key]
    assert answer is None or table[key] == answer


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"replies": ["192.0.2.1"]}, "domain name"),
        ({"name": "a..b", "replies": ["192.0.2.1"]}, "domain name"),
        ({"name": "a.test"}, "replies"),
        ({"name": "a.test", "replies": []}, "replies"),
        ({"name": "a.test", "type": "srv", "replies": ["x"]}, "srv"),
        ({"name": "a.test", "rcode": "maybe"}, "maybe"),
        ({"name": "a.test", "rcode": "limit"}, "limit"),
        ({"name": "a.test", "replies": ["2001:db8::1"]}, "2001:db8::1"),
        ({"name": "a.test", "replies": ["300.1.1.1"]}, "300.1.1.1"),
        ({"name": "a.test", "type": "mx", "replies": ["mail"]}, "preference"),
        ({"name": "a.test", "type": "soa", "replies": ["a b 1 2 3"]}, "five numbers"),
        ({"name": "a.test", "type": "ptr", "replies": ["a..b"]}, "domain name"),
        ("a.test", "object"),
    ],
)
def test_a_bad_entry_is_named_and_left_out(entry, word):
    complaints = []
    good = {"name": "good.test", "replies": ["192.0.2.1"]}
    table = read_fake_records([good, entry], lambda index, text: complaints.append((index, text)))
    assert list(table) == [("good.test", "A")]
    assert complaints[0][0] == 1 and word in complaints[0][1]


def test_one_entry_may_stand_alone():
    assert len(read_fake_records({"name": "a.test", "rcode": "nxdomain"}, print)) == 1
    assert read_fake_records(None, print) == {}


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["name", "type", "rcode", "replies"]),
            st.one_of(st.text(max_size=20), st.integers(), st.lists(st.text(max_size=20))),
        )
    )
)
@settings(max_examples=150, deadline=None)
def test_anything_is_read_or_named(entries):
    complaints = []
    table = read_fake_records(entries, lambda index, text: complaints.append(index))
    assert len(table) + len(complaints) <= len(entries)
