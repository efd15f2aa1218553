# SPDX-License-Identifier: Apache-2.0
"""How does a scan's text become one line that an MTA may say to its client?

One line, ASCII, at most 512 octets with its CRLF (RFC 5321 4.5.3.1.5), ``%`` doubled
because Sendmail takes the line for a format and Postfix undoubles it (core reference
§8.5). A text that brings its own code pair (``550 5.7.1 …``, or ``5.7.1 …``) gets that
one instead of ours, unless it would turn a refusal for good into one for now or back.
"""

from __future__ import annotations

import re

MAX_LINE = 510  # RFC 5321 4.5.3.1.5: 512 octets with CRLF

CODE_PAIR = re.compile(r"(?:([45][0-5]\d)[ -])?([45])(\.\d{1,3}\.\d{1,3})(?:\s+|$)")
UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
BLANKS = re.compile(r"\s+")


def reply_line(code: str, enhanced: str, text: str, default: str) -> str:
    """``CODE ENHANCED TEXT`` for REPLYCODE; ``default`` is used when the text is empty."""
    clean = one_line(text)
    own = CODE_PAIR.match(clean)
    if own is not None:
        smtp, kind, detail = own.group(1) or code, own.group(2), own.group(3)
        if smtp[0] == kind == code[0]:
            code, enhanced = smtp, kind + detail
        clean = clean[own.end() :]
    line = f"{code} {enhanced} {clean or one_line(default)}"[:MAX_LINE].rstrip()
    return line.replace("%", "%%")


def one_line(text: str) -> str:
    """Printable ASCII in one line: line ends and blanks are one blank, the rest is ``?``."""
    # Bounded first: a rule's text may hold a whole letter.
    return UNPRINTABLE.sub("?", BLANKS.sub(" ", text[: 4 * MAX_LINE])).strip()[:MAX_LINE]
