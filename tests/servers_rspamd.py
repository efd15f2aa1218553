# SPDX-License-Identifier: Apache-2.0
"""How does a test get an Rspamd of its own, to compare ours with?

It runs with the files that Gatepost is given (``local.d/…`` of one folder), on Debian's
own defaults of the modules that are compared, and without Rspamd's rules and all modules
that ask somebody on the network.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from gatepost_server import write_files
from running_process import WAIT, RunningProcess, find_program
from servers_redis import find_free_port

PROGRAM = find_program("rspamd")
CLIENT = find_program("rspamc")

needs_rspamd = [
    pytest.mark.server,
    pytest.mark.skipif(PROGRAM is None, reason="rspamd is not installed"),
]
"""Marks for a test that starts one: ``pytestmark = needs_rspamd``."""
needs_rspamc = [
    pytest.mark.server,
    pytest.mark.skipif(CLIENT is None, reason="rspamc is not installed"),
]
"""Marks for a test that runs the client."""

MODULES = ("dkim_signing", "ratelimit", "redis", "force_actions")
OWN_OPTIONS = {
    "own/options.inc": 'filters = "dkim,regexp";\nurl_tld = "$DBDIR/own/suffixes";\n',
    # The list that it comes with, of ten thousand suffixes, costs it six seconds at start.
    "own/suffixes": "com\norg\nnet\n",
    # Some of its modules call what its rules make global.
    "own/globals.lua": 'require "global_functions" ()\n',
}


class RspamdServer:
    """A running Rspamd; ``scan`` and ``milter`` are its addresses, ``HOST:PORT``."""

    def __init__(self, process: RunningProcess, milter: str, scan: str) -> None:
        self.process = process
        self.milter = milter
        self.scan = scan


def rspamc(address: str, message: bytes, *options: str) -> str:
    """What Rspamd's client prints for a message that it hands to ``address``."""
    if CLIENT is None:
        pytest.skip("rspamc is not installed")
    command = [CLIENT, "-h", address, *options]
    ended = subprocess.run(command, input=message, capture_output=True, timeout=WAIT)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return ended.stdout.decode()


def rspamc_json(address: str, message: bytes, *options: str) -> dict[str, object]:
    """The reply to a scan by Rspamd's client, read."""
    printed = rspamc(address, message, "--json", *options)
    reply: dict[str, object] = json.loads(printed[printed.index("{") :])
    return reply


@contextmanager
def run_rspamd(
    folder: Path, files: Mapping[str, str], *, modules: Sequence[str] = MODULES
) -> Iterator[RspamdServer]:
    """Rspamd with a configuration folder that holds ``files`` (path: text)."""
    if PROGRAM is None:
        pytest.skip("rspamd is not installed")
    scan, milter = (f"127.0.0.1:{find_free_port()}" for _ in range(2))
    own = {"rspamd.conf": _config(scan, milter, modules), **OWN_OPTIONS}
    write_files(folder, {**files, **own})
    command = [PROGRAM, "-f", "-i", "-c", str(folder / "rspamd.conf")]
    for name in ("LOCAL_CONFDIR", "DBDIR", "RUNDIR", "LOGDIR"):
        command += ["--var", f"{name}={folder}"]
    process = RunningProcess(command)
    try:
        process.wait_for(r"starting.*normal process")
        yield RspamdServer(process, milter, scan)
    finally:
        process.stop()


def _config(scan: str, milter: str, modules: Sequence[str]) -> str:
    local = '.include(try=true; priority=1,duplicate=merge) "$LOCAL_CONFDIR/local.d'
    included = ["metrics", "actions", "groups", "composites", "settings"]
    included += [f"modules.d/{module}" for module in modules]
    includes = "".join(f'.include "$CONFDIR/{name}.conf"\n' for name in included)
    return f"""
options {{
  pidfile = "$RUNDIR/rspamd.pid";
  .include "$CONFDIR/options.inc"
  {local}/options.inc"
  .include(priority=10) "$LOCAL_CONFDIR/own/options.inc"
}}
logging {{
  .include "$CONFDIR/logging.inc"
  type = "console";
}}
worker "normal" {{ bind_socket = "{scan}"; count = 1; }}
worker "rspamd_proxy" {{
  bind_socket = "{milter}";
  count = 1;
  milter = yes;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
{includes}
lua = "$LOCAL_CONFDIR/own/globals.lua"
modules {{ path = "${{PLUGINSDIR}}"; }}
"""
