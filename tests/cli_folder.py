# SPDX-License-Identifier: Apache-2.0
"""A configuration folder and a letter for tests of the commands, and a run of one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatepost import cli

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
LETTER = (
    "From: Alice <alice@example.org>\r\nTo: bob@example.net\r\nSubject: hello\r\n"
    "Message-ID: <m1@example.org>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n"
)


@dataclass
class Run:
    """What a command printed and returned."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.out)
        return found


class Commands:
    """Runs ``gatepost`` in this process, with a configuration folder and state of its own."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self.capsys = capsys
        self.config = folder / "config"
        (self.config / "local.d").mkdir(parents=True)
        monkeypatch.setenv("GATEPOST_STATE", str(folder / "state"))
        monkeypatch.delenv("GATEPOST_CONFIG", raising=False)

    def write(self, files: Mapping[str, str]) -> None:
        """Files of the configuration, by their path in it."""
        for name, text in files.items():
            path = self.config / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def letter(self, body: str = "Hello\r\n", name: str = "letter.eml") -> str:
        path = self.folder / name
        path.write_bytes((LETTER + body).encode())
        return str(path)

    def run(self, command: str, *arguments: str) -> Run:
        """``gatepost COMMAND -c FOLDER ARGUMENTS``."""
        code = cli.main([command, "-c", str(self.config), *arguments])
        captured = self.capsys.readouterr()
        return Run(code, captured.out, captured.err)
