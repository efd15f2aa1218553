# SPDX-License-Identifier: Apache-2.0
"""What will the header look like once the MTA has made the changes that are asked of it?

A signature is to hold for the letter as it leaves: a From that was rewritten, a Reply-To that
was added are signed as they will be. The order of fields of different names means nothing here.
"""

from __future__ import annotations

import re

from gatepost.scan.header_changes import header_changes
from gatepost.scan.task import Task

NAME = re.compile(r"[!-9;-~]{1,998}")
"""A field's name (RFC 5322 2.2); the milter adds no other."""


def outgoing_header(task: Task) -> bytes | None:
    """The header block without its empty line; ``None`` while nobody has asked for a change."""
    added, removed = header_changes(task)
    if not added and not removed:
        return None
    fields = [(header.name.lower(), header.raw_line) for header in task.message.headers]
    for name, which in removed.items():
        _remove(fields, name.lower(), which)
    for header in added:
        if NAME.fullmatch(header.name) is None:
            continue
        line = f"{header.name}: {header.value.strip()}\r\n".encode("utf-8", "surrogateescape")
        at = len(fields)
        if header.order is not None and header.order >= 0:
            at = max(header.order - 1, 0)  # 1 is the top of what the MTA gave us
        elif header.order is not None:
            at = max(len(fields) + header.order + 1, 0)
        fields.insert(at, (header.name.lower(), line))
    return b"".join(
        [line if line.endswith((b"\n", b"\r")) else line + b"\r\n" for _, line in fields]
    )


def _remove(fields: list[tuple[str, bytes]], name: str, which: int | list[int]) -> None:
    places = [at for at, (other, _) in enumerate(fields) if other == name]
    numbers = which if isinstance(which, list) else [which]
    if 0 not in numbers:
        last = len(places)
        chosen = {number - 1 if number > 0 else last + number for number in numbers}
        places = [places[at] for at in sorted(chosen) if 0 <= at < last]
    for at in reversed(places):
        del fields[at]
