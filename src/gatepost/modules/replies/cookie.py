# SPDX-License-Identifier: Apache-2.0
"""What does a cookie say that came back in In-Reply-To?

``rspamadm cookie`` puts a short secret text and the time, encrypted, into the Message-ID of what
is sent; an answer brings them back, and nothing needs to be stored. Base64 of 32 bytes: a nonce,
whose last four bytes are the time (seconds since the epoch, little-endian), and the text of at
most 15 bytes, padded with zeros, XORed with the nonce encrypted by AES-128.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import ECB

BLOCK = 16
MAX_TEXT = BLOCK - 1
ENCODED = 44  # characters of Base64 for two blocks
KEY = re.compile(r"[0-9A-Fa-f]{32}\Z")
LOCAL_PART = re.compile(r"<?([^@]+)@")


class Cookie(NamedTuple):
    """The text, and when it was sent (seconds since the epoch)."""

    text: bytes
    sent: int


class CookieReader:
    """Decrypts cookies. Raises ``ValueError`` for a key that is not 32 hexadecimal digits."""

    def __init__(self, key: str) -> None:
        if not KEY.match(key):
            raise ValueError("expected 32 hexadecimal digits, as `rspamadm cookie -K` gives them")
        # One block, used as a key stream: there is no mode to choose.
        self.cipher = Cipher(AES128(bytes.fromhex(key)), ECB())

    def read(self, in_reply_to: str) -> Cookie | None:
        """The cookie in a header value, before the ``@`` if there is one; ``None``: there is none.

        A text that was not encrypted with this key is found out with a chance of 255 in 256
        here, and for certain when it is compared.
        """
        local = LOCAL_PART.match(in_reply_to[: 2 * ENCODED])
        data = _decode(local[1] if local else in_reply_to)
        if data is None:
            return None
        nonce, covered = data[:BLOCK], data[BLOCK:]
        stream = self.cipher.encryptor().update(nonce)
        padded = bytes(a ^ b for a, b in zip(covered, stream, strict=True))
        if padded[-1]:
            return None
        return Cookie(padded.partition(b"\0")[0], int.from_bytes(nonce[-4:], "little"))


def _decode(text: str) -> bytes | None:
    if len(text) != ENCODED:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) == 2 * BLOCK else None
