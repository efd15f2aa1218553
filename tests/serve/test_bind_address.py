# SPDX-License-Identifier: Apache-2.0
"""Every form of ``bind_socket``."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.serve.bind_address import BindAddress, parse_bind
from gatepost.serve.errors import BindError


@pytest.mark.parametrize(
    "text, address, shown",
    [
        ("127.0.0.1:11333", BindAddress("127.0.0.1", 11333), "127.0.0.1:11333"),
        ("localhost:11333", BindAddress("localhost", 11333), "localhost:11333"),
        ("mail.example.org:25", BindAddress("mail.example.org", 25), "mail.example.org:25"),
        ("*:11333", BindAddress("*", 11333), "*:11333"),
        ("*v4:11333", BindAddress("*v4", 11333), "*v4:11333"),
        ("*v6:0", BindAddress("*v6", 0), "*v6:0"),
        ("[::1]:11333", BindAddress("::1", 11333), "[::1]:11333"),
        ("[::1]", BindAddress("::1", 11332), "[::1]:11332"),
        ("::1", BindAddress("::1", 11332), "[::1]:11332"),
        ("localhost", BindAddress("localhost", 11332), "localhost:11332"),
        ("*:11333 ssl", BindAddress("*", 11333, ssl=True), "*:11333"),
        ("systemd:0", BindAddress(systemd="0"), "systemd:0"),
        ("systemd:milter ssl", BindAddress(systemd="milter", ssl=True), "systemd:milter"),
        ("/run/g/s", BindAddress(path="/run/g/s", mode=0o644), "/run/g/s"),
        (
            "/run/g/s mode=0660 owner=_rspamd group=postfix",
            BindAddress(path="/run/g/s", mode=0o660, owner="_rspamd", group="postfix"),
            "/run/g/s",
        ),
        ("./s mode=666 ssl", BindAddress(path="./s", mode=0o666, ssl=True), "./s"),
    ],
)
def test_what_is_written_is_understood(text, address, shown):
    assert parse_bind(text, default_port=11332) == address
    assert str(address) == shown


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "an empty address; expected host:port"),
        ("11333", "'11333' has no host"),
        (":11333", "is no address"),
        ("local host:1", "only 'ssl' may follow"),
        ("localhost:65536", "expected a port from 0 to 65535, found '65536'"),
        ("localhost:http", "found 'http'"),
        ("localhost:²", "found '²'"),
        ("localhost:-1", "found '-1'"),
        ("[::1:11333", "expected [IPv6 address]:port"),
        ("[::1]11333", "expected [IPv6 address]:port"),
        ("[localhost]:1", "expected [IPv6 address]:port"),
        ("1::2::3", "has no host"),
        ("localhost:", "expected a port after the colon"),
        ("*v5:1", "is no address"),
        ("systemd:", "expected systemd:N"),
        ("/s mode=888", "found 'mode=888'"),
        ("/s owner=", "found 'owner='"),
        ("/s colour=red", "expected mode=OCTAL, owner=USER, group=GROUP or ssl"),
        ("/" + "x" * 107, "too long for a UNIX socket: at most 107 bytes"),
        ("*:1 mode=0660", "only 'ssl' may follow"),
    ],
)
def test_a_mistake_is_named(text, why):
    with pytest.raises(BindError) as raised:
        parse_bind(text)
    assert why in str(raised.value)


@settings(max_examples=200)
@given(st.text(alphabet="[]:*/.v46a0 =sltdmoe²", max_size=40))
def test_any_text_is_an_address_or_a_mistake(text):
    try:
        address = parse_bind(text)
    except BindError:
        return
    assert 0 <= address.port <= 65535
    assert sum(map(bool, (address.host, address.path, address.systemd))) == 1
