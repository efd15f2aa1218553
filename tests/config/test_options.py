# SPDX-License-Identifier: Apache-2.0
"""The section ``options``: Rspamd's own files load, its defaults are ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config import Configuration, OptionsSection, Problems, read_options
from gatepost.ucl import Object, parse

# The keys of the options.inc that Rspamd ships, with other values where those are of no use here.
SHIPPED = """
pidfile = "$RUNDIR/rspamd.pid";
filters = "chartable,dkim,regexp,fuzzy_check";
raw_mode = false;
one_shot = false;
cache_file = "$DBDIR/symbols.cache";
map_watch_interval = 5min;
map_file_watch_multiplier = 0.1;
dynamic_conf = "$DBDIR/rspamd_dynamic";
history_file = "$DBDIR/rspamd.history";
check_all_filters = false;
dns { timeout = 1s; sockets = 16; retransmits = 5; }
tempdir = "/tmp";
url_tld = "x";
classify_headers = ["User-Agent", "X-Mailer"];
control_socket = "$DBDIR/rspamd.sock mode=0600";
history_rows = 200;
explicit_modules = ["settings", "bayes_expiry"];
allow_raw_input = true;
words_decay = 600;
local_addrs = [192.168.0.0/16, 10.0.0.0/8];
rrd = "$DBDIR/rspamd.rrd"; hs_cache_dir = "$DBDIR/"; maps { connect_timeout = 1s; }
neighbours { a { host = "http://x"; } }
"""


def read(text: str, *, more: str = "") -> tuple[OptionsSection, list[str]]:
    problems = Problems()
    tree = parse(f"options {{\n{text}\n}} {more}", "rspamd.conf")
    assert isinstance(tree, Object)
    options = read_options(Configuration(tree, folder=None, state=Path()), problems)
    return options, [str(problem) for problem in problems.all]


def test_an_existing_file_loads_without_a_word() -> None:
    assert read(SHIPPED)[1] == []


def test_defaults_are_rspamds() -> None:
    found, _ = read("")
    assert (found.task_timeout, found.max_shots, found.max_opts_len) == (8.0, 100, 4096)
    assert (found.max_message, found.dns_max_requests) == (50 * 1024 * 1024, 64)
    assert (found.dns.timeout, found.dns.retransmits) == (1.0, 5)
    assert (found.check_local, found.check_authed, found.one_shot) == (False, False, False)
    assert found.map_poll == 30.0


@pytest.mark.parametrize(
    "text, patterns",
    [
        ("", "reject"),
        ("gtube_patterns = all", "all"),
        ("gtube_patterns = disabled", "disabled"),
        ("enable_test_patterns = yes", "all"),
    ],
)
def test_which_test_patterns_count(text: str, patterns: str) -> None:
    assert read(text)[0].test_patterns == patterns


@pytest.mark.parametrize(
    "text, message",
    [
        ("task_timeout = 0", "options.task_timeout: expected a number (more than 0), found `0`"),
        ("max_shots = 0", "options.max_shots: expected a whole number (1 or more), found `0`"),
        (
            "dns { retransmits = 50 }",
            "options.dns.retransmits: expected a whole number (1 or more and at most 20), "
            "found `50`",
        ),
        ("dns { sever = x }", "options.dns.sever: unknown key; did you mean `server`?"),
        ("check_authd = yes", "options.check_authd: unknown key; did you mean `check_authed`?"),
        ("gtube_patterns = none", "options.gtube_patterns: expected one of: all, disabled, reject"),
    ],
)
def test_what_is_out_of_bounds(text: str, message: str) -> None:
    assert read(text)[1][0].startswith(f"rspamd.conf:2: error: {message}")


@pytest.mark.parametrize(
    "text, why",
    [
        ("dns { enable_dnssec = yes }", "dns.enable_dnssec: ignored, answers are not validated"),
        ('dns { hosts = "/etc/hosts" }', "dns.hosts: ignored, no hosts file is read"),
        ("allow_raw_input = no", "allow_raw_input: ignored, what cannot be read as MIME"),
        ("compat_messages = yes", "compat_messages: ignored, `messages` of a reply"),
    ],
)
def test_what_is_relied_on_in_vain_is_a_warning(text: str, why: str) -> None:
    [problem] = read(text)[1]
    assert problem.startswith(f"rspamd.conf:2: warning: options.{why}")


def test_the_same_options_as_rspamd_has_them_are_nothing_to_speak_of() -> None:
    text = "allow_raw_input = yes; compat_messages = no; dns { enable_dnssec = no }"
    assert read(text)[1] == []


@pytest.mark.parametrize("name", ["nameserver", "server", "servers"])
def test_name_servers_under_any_name(name: str) -> None:
    assert read(f'dns {{ {name} = ["192.0.2.1:53:10"] }}')[0].dns.nameserver == ["192.0.2.1:53:10"]


@pytest.mark.parametrize(
    "workers, seconds",
    [
        ("", 5.0),
        ('worker "normal" { task_timeout = 3s }', 3.0),
        ('worker "normal" { task_timeout = "3" }', 3.0),
        ('worker { type = "normal"; task_timeout = 3s }', 3.0),
        ('worker "normal" { task_timeout = 3s } worker "normal" { count = 1 }', 3.0),
        ('worker "normal" { task_timeout = -1 }', 5.0),
        ('worker "rspamd_proxy" { task_timeout = 3s }', 5.0),
    ],
)
def test_a_workers_own_time_goes_first(workers: str, seconds: float) -> None:
    options, problems = read("task_timeout = 5s", more=workers)
    assert (options.task_timeout, problems) == (seconds, [])
