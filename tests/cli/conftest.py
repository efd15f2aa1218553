# SPDX-License-Identifier: Apache-2.0
"""The fixture ``commands``: see ``cli_folder``."""

from pathlib import Path

import pytest

from cli_folder import Commands


@pytest.fixture
def commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    return Commands(tmp_path, monkeypatch, capsys)
