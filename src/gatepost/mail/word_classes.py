# SPDX-License-Identifier: Apache-2.0
"""What is each character to the words around it: letter, digit, connector, or a word by itself?

Tables and one pattern for ``words``, after UAX #29 with ICU's POSIX tailoring (a full stop does
not join letters). ICU would ask a dictionary where words are written without blanks; here each
such letter is a word.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

LETTER, DIGIT, CONNECTOR, CURRENCY, IDEOGRAPH = 1, 2, 3, 4, 5

# Stand-ins for characters of a URL's domain, which is one word whatever is in it.
STAND_INS = str.maketrans({".": "\x1f", "-": "\x1e", "!": "\x1d"})
BACK = bytes.maketrans(b"\x1f\x1e\x1d", b".-!")

APOSTROPHES = "'’·"
POINTS = ".,;"
WIDE = 0x20000  # code points with a class of their own; ideographs are above, up to 0x3FFFF

_SINGLE = (
    "\u2e80-\u2fdf\u3005-\u3007\u3041-\u3096\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
# Marks belong to the letter before them, which ``\w`` does not know.
_MARKS = (
    "".join(chr(char) for char in range(0x300, 0x2000) if unicodedata.category(chr(char))[0] == "M")
    + "\u200c\u200d\u20d0-\u20f0\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f"
)
_RUN = rf"(?:(?![{_SINGLE}])\w[{_MARKS}]*+)"
_WORD = (
    rf"[{_SINGLE}][{_MARKS}]*+"
    rf"|{_RUN}++(?:(?:(?<=\d)[.,;'’](?=\d)|(?<![\d_])['’·](?=[^\W\d_])){_RUN}++)*+"
    r"|[$¢-¥֏؋৲৳৻૱௹฿៛₠-⃀﷼﹩＄￠￡￥￦]"
)
WORD = re.compile(_WORD)
WORD_OR_DOMAIN = re.compile(rf"\x1c[\w\x1d-\x1f]++|{_WORD}")


def _ascii_table(*, with_domains: bool) -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for char in range(128):
        if chr(char).isalpha():
            table[char] = LETTER
        elif chr(char).isdigit():
            table[char] = DIGIT
    table[ord("_")] = CONNECTOR
    table[ord("$")] = CURRENCY
    if with_domains:
        table[0x1D:0x20] = LETTER
    return table


ASCII = _ascii_table(with_domains=False)
ASCII_WITH_DOMAINS = _ascii_table(with_domains=True)


@cache
def wide_table(*, with_domains: bool) -> NDArray[np.uint8]:
    """Classes of all code points below ``WIDE``, and one for those above as the last."""
    table = np.zeros(WIDE + 1, np.uint8)
    category = unicodedata.category
    kinds = {"L": LETTER, "M": LETTER, "N": DIGIT}
    for code in range(WIDE):
        name = category(chr(code))
        table[code] = kinds.get(name[0], 0)
        if name == "Sc":
            table[code] = CURRENCY
        elif name == "Pc":
            table[code] = CONNECTOR
    for first, last in re.findall(r"(.)-(.)", _SINGLE):
        table[ord(first) : min(ord(last), WIDE) + 1] = IDEOGRAPH
    table[0x200C] = table[0x200D] = LETTER
    if with_domains:
        table[0x1D:0x20] = LETTER
    table[WIDE] = IDEOGRAPH
    return table
