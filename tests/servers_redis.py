# SPDX-License-Identifier: Apache-2.0
"""How does a test get a Redis server of its own?"""

import secrets
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

PROGRAM = shutil.which("redis-server")

needs_redis = [
    pytest.mark.server,
    pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed"),
]
"""Marks for a test that starts one: ``pytestmark = needs_redis``."""


class RedisServer:
    """A running ``redis-server`` on ``127.0.0.1:port`` that keeps nothing on disk."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def address(self) -> str:
        """As one writes it into ``servers``."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Ends the server at once; a second time does nothing."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start_redis(
    folder: Path, *, password: str | None = None, port: int = 0, options: Sequence[str] = ()
) -> RedisServer:
    """Starts a server whose files are in ``folder`` and waits until it answers.

    ``port`` 0 takes a free one; ``options`` are further words of redis-server's command
    line, in which ``{port}`` is that port.
    """
    if PROGRAM is None:
        pytest.skip("redis-server is not installed")
    port = port or find_free_port()
    command = [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
    command += [option.replace("{port}", str(port)) for option in options]
    if password is not None:
        command += ["--requirepass", password]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = b""
    for line in process.stdout:
        said += line
        if b"eady to accept connections" in line:
            return RedisServer(process, port)
    process.stdout.close()
    process.wait()
    raise RuntimeError(f"redis-server did not start: {said.decode(errors='replace')}")


def find_free_port() -> int:
    """A loopback port that nobody listens on.

    Below those that the kernel hands out (32768 on): until the server that it is for has started,
    no connection and no other server can be given it.
    """
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
