# SPDX-License-Identifier: Apache-2.0
"""Every snippet of the pages for postmasters: does it load, parse, and name what exists?"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from gatepost.cli import COMMANDS
from gatepost.cli.gpc_options import parse_arguments
from pages import ROOT, Block, Page, Scanner
from signing_keys import make_signing_keys

NAMES = (
    "README.md",
    "docs/configuration.md",
    "docs/directions.md",
    "docs/exim.md",
    "docs/haraka.md",
    "docs/outbound.md",
    "docs/postfix.md",
    "docs/sendmail.md",
    "docs/settings.md",
)
PAGES = [Page(name) for name in NAMES]
BLOCKS = [block for page in PAGES for block in page.blocks]
SECTIONS = [
    (page, heading)
    for page in PAGES
    for heading in dict.fromkeys(block.heading for block in page.blocks)
    if page.files(heading)
]
OUTPUT = re.compile(r"^Settings: ")
"""How output begins that a page shows by itself, without the command before it."""
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_snippet_says_what_it_is(block: Block) -> None:
    assert block.files or block.commands or OUTPUT.match(block.text)


@pytest.mark.parametrize(("page", "heading"), SECTIONS, ids=lambda one: getattr(one, "path", one))
def test_every_configuration_loads_without_a_warning(
    tmp_path: Path, page: Page, heading: str
) -> None:
    make_signing_keys(tmp_path, ["mail"])
    key = {"example.org.mail.key": (tmp_path / "mail.key").read_text()}
    Scanner(tmp_path, [page.files(heading), key])


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.commands], ids=str)
def test_every_command_exists_with_these_options(block: Block) -> None:
    for line in block.commands:
        subprocess.run(["bash", "-n", "-c", line], check=True)
        program, *words = shlex.split(line.split("|")[0])
        match Path(program).name:
            case "make":
                assert f"\n{words[0]}:" in (ROOT / "Makefile").read_text()
            case "gpc":
                parse_arguments(words)
            case "gatepost":
                parser = argparse.ArgumentParser()
                import_module(COMMANDS[words[0]].module).add_arguments(parser)
                parser.parse_args(words[1:])


def anchors(path: Path) -> set[str]:
    """The names by which GitHub links to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("name", [*NAMES, "docs/README.md"])
def test_every_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"
