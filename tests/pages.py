# SPDX-License-Identifier: Apache-2.0
"""The snippets of a documentation page, and a scanner that runs by them.

A fenced block says in comment lines of its own which file it is for, ``# local.d/NAME.conf`` and
the like; what comes after such a line, up to the next one, is the text of that file. A block that
names no file is of commands, or is output to be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from gatepost.app import App, build
from gatepost.net import PromptResolver
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.outcomes import Trace
from gatepost.serve.preparing import prepare
from gatepost.testing import NOW, Letter, Scanned, Zone
from gatepost_server import write_files

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CONFIGURATION = (
    r"(?:(?:local|override|maps|plugins)\.d/[\w.-]+|rspamd\.conf\.(?:local|override)|keywords\.py)"
)
FILE = re.compile(
    rf"^(?:#|dnl|;) ({CONFIGURATION}|main\.cf|master\.cf|exim\.conf|sendmail\.mc|config/[\w.]+)"
    r"(?:, .*|: .*)?$"
)
COMMANDS = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(?:make|gatepost|gpc|postqueue|swaks)\b")


@dataclass(frozen=True)
class Block:
    """One fenced block: the heading it stands under, and its parts by file."""

    page: str
    line: int
    heading: str
    text: str

    @property
    def files(self) -> list[tuple[str, str]]:
        """Name and text of each file, in the order written; a file may come twice."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines(keepends=True):
            named = FILE.match(line.rstrip("\n"))
            if named:
                found.append((named[1], [line]))
            elif found:
                found[-1][1].append(line)
        return [(name, "".join(lines)) for name, lines in found]

    @property
    def commands(self) -> list[str]:
        """The command lines of a block that has no file; prompts and comments left out."""
        lines = () if self.files else self.text.splitlines()
        return [line.split("  #")[0].removeprefix("$ ") for line in lines if COMMANDS.match(line)]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


class Page:
    """A page by its path below the project's folder."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.text = (ROOT / path).read_text(encoding="utf-8")
        headings = [(found.start(), found[1]) for found in HEADING.finditer(self._without_code())]
        self.blocks = [
            Block(
                path,
                self.text.count("\n", 0, fence.start()) + 1,
                [name for start, name in headings if start < fence.start()][-1],
                fence[2],
            )
            for fence in FENCE.finditer(self.text)
        ]

    def files(self, heading: str) -> dict[str, str]:
        """The configuration below one heading; the parts of one file put together."""
        found: dict[str, str] = {}
        blocks = [block for block in self.blocks if block.heading == heading]
        assert blocks, f"{self.path} has no snippet under {heading!r}"
        for name, text in (part for block in blocks for part in block.files):
            if re.fullmatch(CONFIGURATION, name):
                found[name] = found.get(name, "") + text
        return found

    def table(self, heading: str) -> list[list[str]]:
        """The rows of the tables whose first column is called ``heading``."""
        tables = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", self.text, re.M)
        rows = [row for table in tables for row in table.splitlines()]
        assert rows, f"{self.path} has no table of {heading!r}"
        return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]

    def _without_code(self) -> str:
        return FENCE.sub(lambda fence: re.sub(r"[^\n]", " ", fence[0]), self.text)


class Scanner:
    """What ``gatepost serve`` would run by a configuration folder of these files.

    What comes for one file from several is put together. A warning of the configuration fails
    the test, as a mistake does.
    """

    def __init__(
        self, folder: Path, files: Iterable[dict[str, str]], dns: PromptResolver | None = None
    ) -> None:
        config = folder / "etc"
        config.mkdir()
        together: dict[str, str] = {}
        for name, text in (item for some in files for item in some.items()):
            together[name] = together.get(name, "") + text
        write_files(config, together)
        self.state = folder / "state"
        self.app = load(config, self.state)
        self._open = self.app.open(resolver=dns if dns is not None else Zone())

    async def scan(self, letter: Letter, *, now: float = NOW, peer: str = "") -> Scanned:
        """Scans one letter that arrives at ``now``; ``peer`` is the address that asks us."""
        trace = Trace()
        envelope = parse_envelope(letter.headers, peer=peer)
        task = await self._open.scanner.scan(letter.raw, envelope, trace=trace, now=now)
        settings = self.app.settings.explain(task)
        return Scanned(task, task.result.verdict(), trace.outcomes, settings)

    async def __aenter__(self) -> Scanner:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        await self._open.close()


def load(config: Path, state: Path) -> App:
    """The configuration as ``configtest`` reads it; it must not even draw a warning."""
    app = build(str(config), environment={"GATEPOST_STATE": str(state)})
    prepare(app)
    assert [str(problem) for problem in app.problems.all] == []
    return app
