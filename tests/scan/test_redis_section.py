# SPDX-License-Identifier: Apache-2.0
"""The section redis: where the state is, and what of Rspamd's section means nothing here."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config import Configuration, Problems
from gatepost.scan.redis_section import read_redis
from gatepost.store import StoreSettings
from gatepost.ucl import Object, parse


def read(text: str) -> tuple[StoreSettings, list[str]]:
    tree = parse(f"redis {{\n{text}\n}}", "redis.conf")
    assert isinstance(tree, Object)
    problems = Problems()
    settings = read_redis(Configuration(tree, None, Path(".")), problems)
    return settings, [str(problem) for problem in problems.all]


def test_servers_and_their_aliases() -> None:
    settings, problems = read(
        'server = "127.0.0.1:6380"; dbname = 3; password = "x"; timeout = 2s;'
    )
    assert problems == []
    assert settings.servers == ["127.0.0.1:6380"]
    assert (settings.db, settings.password, settings.timeout) == (3, "x", 2.0)


def test_without_servers_nothing_is_asked_for() -> None:
    assert read("") == (StoreSettings(), [])


@pytest.mark.parametrize(
    "text", ['disabled_modules = ["ratelimit"];', 'prefix = "x";', 'ratelimit { servers = "a"; }']
)
def test_what_one_store_for_all_has_no_use_for_is_a_warning(text: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith("redis.conf:2: warning: redis.") and "ignored" in problems[0]


@pytest.mark.parametrize(
    "text, expected",
    [
        ('servers = "localhost:nonsense";', "redis.conf:2: error: "),
        ('servrs = "localhost";', "did you mean `servers`?"),
        ("timeout = 0;", "redis.timeout: expected a number"),
    ],
)
def test_mistakes_name_their_place(text: str, expected: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1 and expected in problems[0] and "error" in problems[0]
