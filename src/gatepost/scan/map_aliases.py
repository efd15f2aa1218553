# SPDX-License-Identifier: Apache-2.0
"""Which names does a file in the manner of ``/etc/aliases`` hold, and whom do they stand for?

``name: target, target`` as in aliases(5) of Sendmail and Postfix: a line that begins with a blank
goes on with the one before it, and so does one after a backslash, which Rspamd takes. Targets stay
one text; what is no address among them is for the reader to leave out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gatepost.scan.map_lines import QUOTES, BadLine, MapLine

ENTRY = re.compile(r"\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^:\"\s]++))\s*+:(.*)", re.DOTALL)


def parse_alias_lines(text: str) -> Iterator[MapLine | BadLine]:
    """Entries and bad lines of a text with LF line ends, in order."""
    for offset, line in logical_lines(text):
        entry = ENTRY.fullmatch(line)
        if entry is None:
            yield BadLine(offset, line.strip())
            continue
        quoted, plain, targets = entry.groups()
        name = plain if quoted is None else QUOTES.sub(r"\1", quoted)
        yield MapLine(offset, name, " ".join(targets.split()))


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their continuations; comments and empty lines do not end one."""
    start = offset = 0
    pieces: list[str] = []
    goes_on = False
    for line in text.split("\n"):
        begins, offset = offset, offset + len(line) + 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if pieces and not (goes_on or line[0] in " \t"):
            yield start, " ".join(pieces)
            pieces = []
        if not pieces:
            start = begins
        goes_on = line.rstrip().endswith("\\")
        pieces.append(line.rstrip().removesuffix("\\"))
    if pieces:
        yield start, " ".join(pieces)
