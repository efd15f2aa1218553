# SPDX-License-Identifier: Apache-2.0
"""From a configuration to the listeners, the number of workers, the logs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatepost.config import ConfigError
from gatepost.serve.log_options import LogOptions
from gatepost.serve.prepared import MilterListener, Prepared, ScanPortListener
from gatepost.serve.preparing import Parts, answer_options, prepare
from gatepost.serve.reply import Peer
from gatepost.testing import build_app, mail

WORKERS = """
worker "normal" { bind_socket = "127.0.0.1"; }
worker "rspamd_proxy" { bind_socket = ["127.0.0.1:25332", "/run/x.sock mode=0600"]; }
"""


def prepared(text: str) -> Prepared:
    return prepare(build_app([], config=text))


def test_listeners_have_rspamds_ports_where_none_is_written() -> None:
    scan, milter = prepared(WORKERS).listeners
    assert isinstance(scan, ScanPortListener) and isinstance(milter, MilterListener)
    assert [str(address) for address in scan.bind] == ["127.0.0.1:11333"]
    assert [str(address) for address in milter.bind] == ["127.0.0.1:25332", "/run/x.sock"]


def test_there_are_as_many_workers_as_cores_until_count_says_otherwise() -> None:
    assert prepared(WORKERS).workers == (os.cpu_count() or 1)
    assert prepared('worker "normal" { bind_socket = "a:1"; count = 5; }').workers == 5


def test_limits_of_options_reach_the_listeners() -> None:
    scan, milter = prepared(
        WORKERS + "options { max_message = 1mb; task_timeout = 30s; }"
    ).listeners
    assert isinstance(scan, ScanPortListener) and isinstance(milter, MilterListener)
    assert scan.options.max_message == milter.max_message == 1024 * 1024
    assert scan.options.scan_timeout == milter.timeout == 90.0


def test_a_proxy_that_speaks_no_milter_is_a_scan_port() -> None:
    upstream = 'upstream "u" { settings_id = x; }'
    [listener] = prepared(
        f'worker "rspamd_proxy" {{ bind_socket = "a:1"; milter = no; {upstream} }}'
    ).listeners
    assert isinstance(listener, ScanPortListener) and listener.options.settings_id == "x"


def test_a_scan_port_may_be_for_what_is_no_mime() -> None:
    [listener] = prepared('worker "normal" { bind_socket = "a:1"; mime = no; }').listeners
    assert isinstance(listener, ScanPortListener) and not listener.options.mime


def test_a_disabled_section_listens_nowhere() -> None:
    text = WORKERS.replace('"normal" {', '"normal" { enabled = no;')
    assert [listener.kind for listener in prepared(text).listeners] == ["milter"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "no listener"),
        ('worker "normal" { bind_socket = "a b c"; }', "bind_socket: "),
        ('worker "normal" { bind_socket = "a:1"; ssl_cert = "/none.pem"; }', "ssl_cert, ssl_key"),
        (
            'worker "normal" { bind_socket = "a:1 ssl"; }',
            "a:1 has `ssl`, and `ssl_cert` is missing",
        ),
        (
            'worker "normal" { bind_socket = "a:1"; ssl_cert = "/none.pem"; }',
            "warning: ssl_cert: no address of bind_socket has `ssl`: all are served without TLS",
        ),
        (WORKERS + 'logging { level = "loud"; }', "logging.level: expected one of: debug"),
        (
            WORKERS + 'worker "rspamd_proxy" { on_failure = "maybe"; }',
            "expected one of: accept, tempfail",
        ),
    ],
)
def test_what_cannot_be_served_is_said_with_everything_else(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        prepared(text)


async def test_lists_in_the_result_line_are_as_long_as_wished(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = Parts(build_app([], state=tmp_path), LogOptions(task_max_elts=1))
    letter = mail(rcpt=["a@example.net", "b@example.net"])
    with caplog.at_level("INFO", "gatepost.task"):
        await parts.scan(list(letter.headers), letter.raw, Peer())
    await parts.close()
    assert "rcpts: <a@example.net,...>" in caplog.text


async def test_the_parts_of_a_worker_scan(tmp_path: Path) -> None:
    app = build_app([], config="actions { reject = 15; subject = 'SPAM %s'; }", state=tmp_path)
    parts = Parts(app, LogOptions())
    await parts.start()
    letter = mail(user="al")
    reply = await parts.scan(list(letter.headers), letter.raw, Peer())
    await parts.close()
    assert (reply.action, reply.required_score) == ("no action", 15.0)
    assert answer_options(app).subject == "SPAM %s"
