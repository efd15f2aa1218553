# SPDX-License-Identifier: Apache-2.0
"""Listening sockets: who can connect where, and what happens to them at a reload."""

import os
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest

from gatepost.serve.bind_address import parse_bind
from gatepost.serve.errors import BindError
from gatepost.serve.sockets import SocketSet, shown


@contextmanager
def opened(*texts, held=None):
    addresses = [parse_bind(text) for text in texts]
    sockets = SocketSet.open(addresses, held)
    try:
        yield sockets, [[shown(sock) for sock in group] for group in sockets.of(addresses)]
    finally:
        sockets.close_all_but(held)


def connect(shown_address):
    if shown_address.startswith("/"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(shown_address)
        return
    host, _, port = shown_address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), 5).close()


@pytest.mark.parametrize(
    "text, hosts",
    [
        ("127.0.0.1:0", ["127.0.0.1"]),
        ("[::1]:0", ["[::1]"]),
        ("localhost:0", ["127.0.0.1", "[::1]"]),
        ("*:0", ["0.0.0.0", "[::]"]),
        ("*v4:0", ["0.0.0.0"]),
        ("*v6:0", ["[::]"]),
    ],
)
def test_each_form_listens_on_its_addresses_and_one_port(text, hosts):
    with opened(text) as (_, [group]):
        assert [one.rpartition(":")[0] for one in group] == hosts
        assert len({one.rpartition(":")[2] for one in group}) == 1
        for one in group:
            connect(one)


def test_sockets_come_in_the_order_they_are_asked_for(tmp_path):
    with opened("127.0.0.1:0", f"{tmp_path}/s", "127.0.0.1:0") as (_, groups):
        assert groups[1] == [f"{tmp_path}/s"]
        assert groups[0] != groups[2]


def test_an_address_in_use_is_named_with_the_reason():
    with opened("127.0.0.1:0") as (_, [[taken]]):
        with pytest.raises(BindError) as raised:
            SocketSet.open([parse_bind(taken)])
        assert str(raised.value) == f"cannot listen on {taken}: Address already in use"


def test_an_address_asked_for_twice_is_a_mistake(tmp_path):
    path = f"{tmp_path}/s"
    with pytest.raises(BindError, match="it is asked for twice"):
        SocketSet.open([parse_bind(path), parse_bind(path)])
    assert not os.path.exists(path)


def test_an_unknown_host_is_a_mistake():
    with pytest.raises(BindError, match=r"cannot listen on no\.such\.host\.invalid:1: "):
        SocketSet.open([parse_bind("no.such.host.invalid:1")])


def test_a_unix_socket_has_its_mode_and_goes_with_its_listener(tmp_path):
    path = f"{tmp_path}/s"
    with opened(f"{path} mode=0620 group={os.getgid()}"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o620
        connect(path)
    assert not os.path.exists(path)


@pytest.mark.parametrize("option", ["owner", "group"])
def test_an_unknown_user_or_group_is_a_mistake(tmp_path, option):
    with pytest.raises(BindError, match="no_such_name"):
        SocketSet.open([parse_bind(f"{tmp_path}/s {option}=no_such_name")])
    assert not os.path.exists(f"{tmp_path}/s")


def test_the_socket_of_a_dead_server_is_replaced(tmp_path):
    path = f"{tmp_path}/s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    with opened(path) as (_, [[where]]):
        connect(where)


def test_the_socket_of_a_living_server_is_left_alone(tmp_path):
    path = f"{tmp_path}/s"
    with opened(path):
        with pytest.raises(BindError, match="another process does"):
            SocketSet.open([parse_bind(path)])
        connect(path)


def test_a_file_of_that_name_is_left_alone(tmp_path):
    (tmp_path / "s").write_text("precious")
    with pytest.raises(BindError, match="there is a file of that name"):
        SocketSet.open([parse_bind(f"{tmp_path}/s")])
    assert (tmp_path / "s").read_text() == "precious"


def test_shared_addresses_stay_open_over_a_reload(tmp_path):
    keep, drop, add = (f"{tmp_path}/{name}" for name in ("keep", "drop", "add"))
    old = SocketSet.open([parse_bind(text) for text in ("127.0.0.1:0", keep, drop)])
    [[port], _, _] = old.of([parse_bind(text) for text in ("127.0.0.1:0", keep, drop)])
    with opened(f"{keep} mode=0600", "127.0.0.1:0", add, held=old) as (new, groups):
        assert groups[1] == [shown(port)]
        old.close_all_but(new)
        connect(shown(port))
        for path in (keep, add):
            connect(path)
        assert stat.S_IMODE(os.stat(keep).st_mode) == 0o600
        assert not os.path.exists(drop)
        new.close_all_but(None)
    assert not os.path.exists(keep)


def test_a_reload_that_fails_leaves_what_was_open(tmp_path):
    kept = parse_bind(f"{tmp_path}/kept")
    with opened(str(kept)) as (old, _):
        with pytest.raises(BindError):
            SocketSet.open([kept, parse_bind(f"{tmp_path}/new"), parse_bind("192.0.2.1:1")], old)
        connect(kept.path)
        assert not os.path.exists(f"{tmp_path}/new")


def test_a_unix_socket_that_was_removed_is_made_anew(tmp_path):
    path = f"{tmp_path}/s"
    with opened(path) as (old, _):
        os.unlink(path)
        with opened(path, held=old) as (new, _):
            old.close_all_but(new)
            connect(path)


SYSTEMD = """
import os, socket, sys
from gatepost.serve.bind_address import parse_bind
from gatepost.serve.sockets import SocketSet, shown
sock = socket.create_server(("127.0.0.1", 0))
os.dup2(sock.fileno(), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="milter")
for text in ("systemd:0", "systemd:milter"):
    address = parse_bind(text)
    [[found]] = SocketSet.open([address]).of([address])
    print(shown(found) == shown(sock))
try:
    SocketSet.open([parse_bind("systemd:1")])
except Exception as error:
    print(error)
"""


@pytest.mark.slow
def test_sockets_of_systemd_are_taken_by_number_and_by_name():
    done = subprocess.run([sys.executable, "-c", SYSTEMD], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "True",
        "True",
        "cannot listen on systemd:1: systemd has handed over 1 sockets",
    ]


def test_without_systemd_its_sockets_are_a_mistake():
    with pytest.raises(BindError, match="systemd has handed over no socket"):
        SocketSet.open([parse_bind("systemd:0")])
