# SPDX-License-Identifier: Apache-2.0
"""How does a test get a running ``gatepost serve`` of its own?"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from running_process import RunningProcess
from servers_redis import find_free_port

READY = r"^ready milter=(\S+) scan=(\S+)"


class GatepostServer:
    """A running ``gatepost serve``: ``milter`` and ``scan`` are its addresses, ``HOST:PORT``."""

    def __init__(self, process: RunningProcess, milter: str, scan: str) -> None:
        self.process = process
        self.milter = milter
        self.scan = scan

    @property
    def smtpd_milters(self) -> str:
        """The milter's address as Postfix wants it."""
        return f"inet:{self.milter}"


@contextmanager
def run_gatepost(
    folder: Path, files: Mapping[str, str], *, workers: int = 1
) -> Iterator[GatepostServer]:
    """``gatepost serve -c`` a configuration folder that holds ``files`` (path: text).

    Folder, state and ports are its own; ``folder`` is made. It is ready when this yields.
    """
    config = folder / "etc"
    milter, scan = (f"127.0.0.1:{find_free_port()}" for _ in range(2))
    own = {
        # Nobody answers there: no test waits for the world's DNS.
        "override.d/options.inc": f'dns {{ nameserver = ["127.0.0.1:{find_free_port()}"]; }}\n',
        "local.d/worker-normal.inc": f'bind_socket = "{scan}";\ncount = {workers};\n',
        "local.d/worker-proxy.inc": f'bind_socket = "{milter}";\n',
    }
    write_files(config, {**own, **files})
    process = RunningProcess(
        [sys.executable, "-m", "gatepost", "serve", "-c", str(config)],
        environment={"GATEPOST_STATE": str(folder / "state")},
    )
    try:
        ready = re.search(READY, process.wait_for(READY)[0])
        assert ready is not None and milter in ready[1].split(",") and scan in ready[2].split(",")
        yield GatepostServer(process, milter, scan)
    finally:
        process.stop()


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes ``files`` (path: text) below ``folder``, with the folders they need."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
