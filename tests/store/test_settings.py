# SPDX-License-Identifier: Apache-2.0
"""The section ``redis`` is read as Rspamd reads it, its other names included."""

from __future__ import annotations

from typing import Any

import pytest

from gatepost.config import Problems, bind
from gatepost.store import StoreSettings
from gatepost.ucl import Object, parse


def read(text: str) -> tuple[StoreSettings, list[str]]:
    problems = Problems()
    section = parse(text, "redis.conf")
    assert isinstance(section, Object)
    return bind(StoreSettings, section, "redis", problems), [str(p) for p in problems.all]


@pytest.mark.parametrize(
    "text, name, value",
    [
        ('servers = "a:1,b"', "servers", ["a:1,b"]),
        ('servers = ["a:1", "b"]', "servers", ["a:1", "b"]),
        ('server = "a"', "servers", ["a"]),
        ('write_servers = "a"', "write_servers", ["a"]),
        ('read_servers = "a"', "read_servers", ["a"]),
        ("db = 3", "db", 3),
        ('dbname = "3"', "db", 3),
        ('database = "3"', "db", 3),
        ("timeout = 500ms", "timeout", 0.5),
        ('timeout = "2"', "timeout", 2.0),
        ('username = "scanner"', "username", "scanner"),
        ('password = "secret"', "password", "secret"),
        ("password = 1234", "password", "1234"),
        ("ssl = yes", "ssl", True),
        ('ssl_ca = "/etc/ca.pem"', "ssl_ca", "/etc/ca.pem"),
        ('ssl_ca_dir = "/etc/ca"', "ssl_ca_dir", "/etc/ca"),
        ('ssl_cert = "/etc/c.pem"', "ssl_cert", "/etc/c.pem"),
        ('ssl_key = "/etc/k.pem"', "ssl_key", "/etc/k.pem"),
        ("no_ssl_verify = true", "no_ssl_verify", True),
        ('sentinels = "a:26379,b"', "sentinels", ["a:26379,b"]),
        ('sentinel_master_name = "mymaster"', "sentinel_master_name", "mymaster"),
        ('sentinel_masters_pattern = "^my"', "sentinel_masters_pattern", "^my"),
        ('sentinel_username = "watcher"', "sentinel_username", "watcher"),
        ('sentinel_password = "secret"', "sentinel_password", "secret"),
        ("sentinel_watch_time = 1min", "sentinel_watch_time", 60.0),
        ("sentinel_master_maxerrors = 2", "sentinel_master_maxerrors", 2),
        ("cluster = yes", "cluster", True),
    ],
)
def test_an_option_is_read(text: str, name: str, value: Any) -> None:
    settings, problems = read(text)
    assert problems == []
    assert getattr(settings, name) == value


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("db = -1", "redis.db"),
        ("db = mail", "redis.db"),
        ("timeout = 0", "redis.timeout"),
        ("timeout = soon", "redis.timeout"),
        ("ssl = maybe", "redis.ssl"),
        ('pasword = "x"', "password"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, complaint: str) -> None:
    settings, problems = read(text)
    assert settings == StoreSettings()
    assert len(problems) == 1
    assert "redis.conf:1" in problems[0]
    assert complaint in problems[0]
