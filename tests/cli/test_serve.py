# SPDX-License-Identifier: Apache-2.0
"""gatepost serve: the real command, from its ready line to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli_folder import GTUBE, LETTER
from gatepost_server import run_gatepost, write_files
from letters import check

pytestmark = pytest.mark.slow


def test_it_serves_what_the_configuration_says(tmp_path: Path) -> None:
    files = {"local.d/settings.conf": "strict { apply { actions { reject = 3.0 } } }"}
    with run_gatepost(tmp_path, files) as served:
        reply = check(served.scan, (LETTER + GTUBE).encode(), [("Settings-ID", "strict")])
        assert reply["action"] == "reject"
        assert reply["required_score"] == 3.0


def test_a_second_listener_has_a_settings_id_of_its_own(tmp_path: Path) -> None:
    # The section of the contract, as it stands in rspamd.conf.local.
    files = {
        "local.d/settings.conf": "outbound { apply { actions { reject = 3.0 } } }",
        "rspamd.conf.local": """
          worker "normal" { bind_socket = "127.0.0.1:0"; settings_id = "outbound"; }
          worker "rspamd_proxy" {
            bind_socket = "127.0.0.1:0";
            upstream "x" { default = true; self_scan = true; settings_id = "outbound"; }
          }
        """,
    }
    with run_gatepost(tmp_path, files) as served:
        line = next(x for x in served.process.output.splitlines() if x.startswith("ready "))
        milters, scans = (part.partition("=")[2].split(",") for part in line.split()[1:])
        assert len(milters) == len(scans) == 2
        second = next(address for address in scans if address != served.scan)
        letter = LETTER.encode()
        assert check(second, letter, [("Settings-ID", "nonsense")])["required_score"] == 3.0
        assert check(served.scan, letter, [])["required_score"] == 15.0


def test_hup_takes_a_good_configuration_and_refuses_a_bad_one(tmp_path: Path) -> None:
    letter = LETTER.encode()
    with run_gatepost(tmp_path, {"local.d/actions.conf": "reject = 20;"}) as served:
        assert check(served.scan, letter, [])["required_score"] == 20
        write_files(tmp_path / "etc", {"local.d/actions.conf": "reject = maybe;"})
        os.kill(served.process.pid, signal.SIGHUP)
        served.process.wait_for(r"actions.conf:1: error")
        assert check(served.scan, letter, [])["required_score"] == 20
        write_files(tmp_path / "etc", {"local.d/actions.conf": "reject = 30;"})
        os.kill(served.process.pid, signal.SIGHUP)
        while check(served.scan, letter, [])["required_score"] != 30:
            pass


@pytest.mark.parametrize(
    "options, code, text",
    [
        (["-o", "options.nonsense=1"], 78, "options.nonsense: unknown key"),
        (["-o", "worker-normal.bind_socket=192.0.2.1:1"], 1, "192.0.2.1"),
        (["--nonsense"], 2, "usage: gatepost serve"),
    ],
)
def test_what_cannot_be_served_ends_with_its_exit_code(
    tmp_path: Path, options: list[str], code: int, text: str
) -> None:
    (tmp_path / "etc").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "gatepost", "serve", "-c", str(tmp_path / "etc"), *options],
        env={**os.environ, "GATEPOST_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == code
    assert text in done.stderr and "Traceback" not in done.stderr
