# SPDX-License-Identifier: Apache-2.0
"""How does a test get an unbound of its own, that knows nothing but the zones it is given?"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

PROGRAM = shutil.which("unbound", path="/usr/sbin:/usr/local/sbin:/usr/bin")

needs_unbound = [
    pytest.mark.server,
    pytest.mark.skipif(PROGRAM is None, reason="unbound is not installed"),
]
"""Marks for a test that starts one: ``pytestmark = needs_unbound``."""

ATTEMPTS = 5

CONFIGURATION = """\
server:
  interface: 127.0.0.1
  port: {port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  use-syslog: no
  logfile: ""
  verbosity: 1
  num-threads: 1
  module-config: "iterator"
  do-not-query-localhost: no
  so-rcvbuf: 8m
  # What is not written here does not exist: nothing is asked of anybody.
  local-zone: "." static
{zones}
remote-control:
  control-enable: no
"""


class UnboundServer:
    """A running unbound on ``127.0.0.1:port``."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def address(self) -> str:
        """As one writes it into ``nameserver``."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Ends the server; a second time does nothing."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()


def start_unbound(folder: Path, records: Iterable[str] = ()) -> UnboundServer:
    """Starts a server that knows ``records`` (as in a zone file, with final dots), and waits
    until it answers. Its files are in ``folder``."""
    if PROGRAM is None:
        pytest.skip("unbound is not installed")
    zones = "\n".join(f"  local-data: '{record}'" for record in records)
    said = ""
    for _ in range(ATTEMPTS):  # somebody else may take the port before unbound does
        port = find_free_port()
        file = folder / "unbound.conf"
        file.write_text(CONFIGURATION.format(port=port, folder=folder, zones=zones))
        command = [PROGRAM, "-d", "-c", str(file)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        server = UnboundServer(process, port)
        said = wait_until_it_serves(process)
        if not said:
            return server
        server.stop()
        if "Address already in use" not in said:
            break
    raise RuntimeError(f"unbound did not start: {said}")


def wait_until_it_serves(process: subprocess.Popen[bytes]) -> str:
    """Empty once it does; what it said if it ended instead."""
    assert process.stderr is not None
    said = b""
    for line in process.stderr:
        said += line
        if b"start of service" in line:
            return ""
    return said.decode(errors="replace") or "nothing"


def find_free_port() -> int:
    """A loopback port where nobody listens, by UDP or TCP."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as streams,
        ):
            datagrams.bind(("127.0.0.1", 0))
            port: int = datagrams.getsockname()[1]
            try:
                streams.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
