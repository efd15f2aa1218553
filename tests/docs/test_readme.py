# SPDX-License-Identifier: Apache-2.0
"""Does the README show what the commands print, and do its snippets do what it says?"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cli_folder import Commands
from gatepost.cli import main
from gatepost.testing import mail
from pages import Page, Scanner

PAGE = Page("README.md")
SHOWN = next(block for block in PAGE.blocks if block.text.startswith("$ "))


@pytest.fixture
def gatepost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    return Commands(tmp_path, monkeypatch, capsys)


def shown_after(command: str) -> list[str]:
    """The lines of output that the page shows below a command; their blanks do not count."""
    text = SHOWN.text.partition(f"{command}")[2].partition("\n")[2].partition("\n$ ")[0]
    return [" ".join(line.split()) for line in text.splitlines() if line != "…"]


def printed(gatepost: Commands, command: str) -> list[str]:
    line = next(line for line in SHOWN.commands if f"gatepost {command}" in line)
    words = shlex.split(line)[2:]
    words = [gatepost.letter() if word == "letter.eml" else word for word in words]
    return [" ".join(line.split()) for line in gatepost.run(command, *words).out.splitlines()]


@pytest.mark.parametrize("command", ["explain", "directions"])
def test_the_output_is_what_the_command_prints(gatepost: Commands, command: str) -> None:
    shown, real = shown_after(f"gatepost {command}"), printed(gatepost, command)
    assert shown
    assert [line for line in shown if line not in real] == []
    assert real[0] == shown[0]


async def test_the_test_letter_is_refused(tmp_path: Path) -> None:
    line = PAGE.text.partition("the line `")[2].partition("`")[0]
    async with Scanner(tmp_path, []) as scans:
        assert (await scans.scan(mail(f"{line}\r\n"))).action == "reject"


async def test_ten_an_hour_and_a_signature(tmp_path: Path) -> None:
    files = PAGE.files("Configure it")
    key = tmp_path / "example.org.mail.key"
    main(["keygen", "dkim", "-d", "example.org", "-s", "mail", "-k", str(key)])
    name = "local.d/dkim_signing.conf"
    files[name] = files[name].replace("/etc/gatepost/dkim", str(tmp_path))
    async with Scanner(tmp_path, [files]) as scans:
        letter = mail(user="alice@example.org")
        results = [await scans.scan(letter) for _ in range(11)]
        assert [one.action for one in results] == ["no action"] * 10 + ["soft reject"]
        assert all("DKIM_SIGNED" in one.hits for one in results[:10])
