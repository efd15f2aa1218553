# SPDX-License-Identifier: Apache-2.0
"""Is this the test letter? GTUBE and its siblings, one for each action.

Source: core reference §3.2, end; only text parts of at most 8 KiB are looked at.
"""

from __future__ import annotations

from typing import Literal

from gatepost.mail import Message

GtubePatterns = Literal["reject", "all", "disabled"]

MAX_PART = 8192
REST = b"JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
ACTIONS = {b"X": "reject", b"Y": "add header", b"Z": "rewrite subject", b"A": "no action"}


def find_gtube(message: Message, patterns: GtubePatterns) -> str | None:
    """The action that a test pattern in the message asks for, or ``None``.

    With ``reject`` only the classic pattern counts; with ``all`` those of the other actions do.
    """
    if patterns == "disabled":
        return None
    for part in message.text_parts:
        text = part.part.decoded
        if len(text) > MAX_PART:
            continue
        at = text.find(REST)
        while at >= 0:
            action = ACTIONS.get(text[at - 1 : at]) if at > 0 else None
            if action is not None and (patterns == "all" or action == "reject"):
                return action
            at = text.find(REST, at + 1)
    return None
