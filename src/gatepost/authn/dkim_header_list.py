# SPDX-License-Identifier: Apache-2.0
"""Which header fields does a signature cover? Rspamd's ``sign_headers``.

``name`` is signed as often as the list has it, if there is such a field at all; ``(o)name`` once
more than there are fields, so that none can be added (RFC 6376 8.15); ``(x)name`` likewise, but
only if there is one.

Source: direction-modules reference §6.
"""

import re
from typing import Literal

import msgspec

from gatepost.authn.errors import SigningError
from gatepost.authn.letter import Letter

MAX_NAMES = 1000

DKIM_HEADERS = (
    "(o)from:(x)sender:(o)reply-to:(o)subject:(x)date:(x)message-id:(o)to:(o)cc:(x)mime-version:"
    "(x)content-type:(x)content-transfer-encoding:resent-to:resent-cc:resent-from:resent-sender:"
    "resent-message-id:(x)in-reply-to:(x)references:list-id:list-help:list-owner:list-unsubscribe:"
    "list-unsubscribe-post:list-subscribe:list-post:(x)openpgp:(x)autocrypt"
)
"""What Rspamd signs by default."""

ARC_HEADERS = DKIM_HEADERS.replace("list-post:", "list-post:dkim-signature:")
"""What Rspamd covers by an ARC-Message-Signature by default."""

ENTRY = re.compile(r"(?:\(([ox])\))?([!-'*-9<-~]+)", re.IGNORECASE)

Times = Literal["listed", "one more", "one more if any"]
MARKS: dict[str, Times] = {"": "listed", "o": "one more", "x": "one more if any"}


class SignHeaders(msgspec.Struct, frozen=True):
    """A parsed list: names as they are spelt there, in order."""

    entries: tuple[tuple[str, Times], ...]

    @classmethod
    def parse(cls, text: str) -> "SignHeaders":
        """Reads the colon-separated list. Raises :class:`SigningError`: an entry is no name, From
        is not in it (RFC 6376 5.4), or it has more than 1000."""
        parts = [part.strip() for part in text.split(":")]
        if len(parts) > MAX_NAMES:
            raise SigningError(f"{len(parts)} names: expected at most {MAX_NAMES}")
        entries: list[tuple[str, Times]] = []
        for part in parts:
            match = ENTRY.fullmatch(part)
            if match is None:
                raise SigningError(f"{part!r}: expected a header name, or one after (o) or (x)")
            entries.append((match[2], MARKS[(match[1] or "").lower()]))
        if not any(name.lower() == "from" for name, _ in entries):
            raise SigningError("from is not in the list: it must be signed (RFC 6376 5.4)")
        return cls(tuple(entries))

    def names_for(self, letter: Letter) -> list[str]:
        """The names for the ``h=`` of a signature over this letter."""
        names: list[str] = []
        for name, times in self.entries:
            count = letter.count(name.lower())
            if times == "one more" or (count and times == "one more if any"):
                names.extend([name] * (count + 1))
            elif count and times == "listed":
                names.append(name)
        if not any(name.lower() == "from" for name in names):
            names.insert(0, "from")
        return names


DEFAULT_SIGN_HEADERS = SignHeaders.parse(DKIM_HEADERS)
