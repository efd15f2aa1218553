# SPDX-License-Identifier: Apache-2.0
"""Copies the letters of the unpacked npm package into a folder, one ``.eml`` each.

usage: unpack_corpus.py PACKAGE TARGET [EVERY] — with EVERY only each such letter of a group,
which is how the committed sample ``tests/corpus`` was made (EVERY = 75).
"""

from __future__ import annotations

import sys
from pathlib import Path


def without_mbox_line(letter: bytes) -> bytes:
    """The letter as an MTA would hold it: the line ``From sender date`` is the mailbox's."""
    return letter.partition(b"\n")[2] if letter.startswith(b"From ") else letter


def main(package: Path, target: Path, every: int) -> None:
    for group in sorted((package / "data").iterdir()):
        if not group.is_dir():
            continue
        folder = target / group.name
        folder.mkdir(parents=True, exist_ok=True)
        for source in sorted(group.glob("*.txt"))[::every]:
            letter = without_mbox_line(source.read_bytes())
            (folder / source.with_suffix(".eml").name).write_bytes(letter)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
