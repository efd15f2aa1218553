# SPDX-License-Identifier: Apache-2.0
"""Sections ``worker``: which listeners there are, and what is named as ignored or wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config import Configuration, Problems
from gatepost.serve.worker_sections import Workers, milter_options, read_workers
from gatepost.ucl import Object, parse


def read(text: str) -> tuple[Workers, list[str]]:
    tree = parse(text, "rspamd.conf")
    assert isinstance(tree, Object)
    problems = Problems()
    workers = read_workers(Configuration(tree, None, Path(".")), problems)
    return workers, [str(problem) for problem in problems.all]


def test_several_sections_of_one_kind_are_several_listeners() -> None:
    workers, problems = read(
        """worker "normal" { bind_socket = "a:1"; count = 3; }
           worker "rspamd_proxy" { bind_socket = ["b:2", "c:3"]; milter = yes; }
           worker "rspamd_proxy" { bind_socket = "d:4"; milter = no; }
           worker "controller" { bind_socket = "e:5"; password = "q1"; }"""
    )
    assert problems == []
    assert [section.bind_socket for _, section in workers.normal] == [["a:1"]]
    assert [s.bind_socket for _, s in workers.proxy] == [["b:2", "c:3"], ["d:4"]]
    assert [s.milter for _, s in workers.proxy] == [True, False]
    assert workers.count == 3


def test_a_section_may_name_its_kind_inside() -> None:
    workers, problems = read('worker { type = "normal"; bind_socket = "a:1"; }')
    assert [section.bind_socket for _, section in workers.normal] == [["a:1"]]
    assert problems == []


A = 'upstream "a" { settings_id = "a"; }'
A_DISABLED = 'upstream "a" { disabled = yes; settings_id = "a"; }'
B = 'upstream "b" { settings_id = "b"; }'
B_DEFAULT = 'upstream "b" { default = yes; settings_id = "b"; }'


@pytest.mark.parametrize(
    "upstreams, expected",
    [
        ("", ""),
        ('upstream "local" { hosts = "localhost"; }', ""),
        (A, "a"),
        (A + B, "a"),
        (A + B_DEFAULT, "b"),
        (A_DISABLED + B, "b"),
    ],
)
def test_the_settings_id_is_that_of_the_default_upstream(upstreams: str, expected: str) -> None:
    workers, problems = read(f'worker "rspamd_proxy" {{ bind_socket = "a:1"; {upstreams} }}')
    assert problems == []
    assert workers.proxy[0][1].settings_id == expected


def test_the_options_of_a_milter_listener_are_taken_over() -> None:
    workers, _ = read(
        'worker "rspamd_proxy" { reject_message = "no"; discard_on_reject = yes; '
        'spam_header = "X-Bad"; max_connections = 7; upstream "x" { settings_id = "out"; } }'
    )
    section, proxy = workers.proxy[0]
    options = milter_options(proxy, section, Problems())
    assert (options.reject_message, options.discard_on_reject) == ("no", True)
    assert (options.spam_header, options.max_connections) == ("X-Bad", 7)
    assert options.settings_id == "out"


@pytest.mark.parametrize(
    "text, expected",
    [
        ('worker "rspamd_proxy" { count = 2; }', "count: ignored, `count` of worker-normal"),
        ('worker "rspamd_proxy" { mirror "m" { hosts = "x"; } }', "mirror: ignored"),
        ('worker "rspamd_proxy" { upstream "u" { hosts = "mx9:11333"; } }', "hosts: ignored"),
        ('worker "fuzzy" { count = -1; }', "worker `fuzzy`: Gatepost has none"),
        ('worker "normal" { max_connections = 9; }', "it bounds milter listeners"),
        (
            'worker "rspamd_proxy" { milter = no; max_connections_per_source = 9; }',
            "worker.rspamd_proxy.max_connections_per_source: ignored, it bounds milter listeners",
        ),
        ('worker "normal" { encrypted_only = yes; }', "encrypted_only: ignored, Gatepost does"),
        (
            'worker "normal" { allow_file_and_shm_inputs = yes; }',
            "ignored, Gatepost reads no files",
        ),
    ],
)
def test_what_has_no_counterpart_is_a_warning(text: str, expected: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1
    assert "warning" in problems[0] and expected in problems[0]


@pytest.mark.parametrize(
    "text, expected",
    [
        ('worker "normal" { bind_sockt = "a:1"; }', "did you mean `bind_socket`?"),
        ('worker "nromal" { }', "expected one of normal, rspamd_proxy, controller"),
        ('worker "normal" { count = many; }', "worker.normal.count: expected a whole number"),
    ],
)
def test_mistakes_are_errors(text: str, expected: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith("rspamd.conf:1: error: ") and expected in problems[0]
