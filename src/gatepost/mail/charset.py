# SPDX-License-Identifier: Apache-2.0
"""Which characters do these bytes stand for, whatever the letter claims?

The rules of content reference §1.6: valid UTF-8 needs no declaration, a declared charset is
believed unless it is a UTF-8 or ASCII that the bytes contradict, and then the bytes are
guessed from. Only text codecs from a closed table are ever used: Python also has codecs
that unpack or run in quadratic time.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import NamedTuple

SAMPLE = 2048  # bytes; the detector costs milliseconds, so it never sees a whole part
BINARY_SHARE = 0.1  # control bytes in a sample above which it cannot be text in any charset

# Labels that say nothing: only the bytes decide, and UTF-8 is tried first.
UNTOLD = frozenset(
    (
        *("utf-8", "utf8", "utf-8mb4", "utf8mb4", "us-ascii", "ascii", "ansi", "x-ansi"),
        *("ansi_x3.4-1968", "iso646-us", "unknown", "x-unknown", "unknown-8bit", "none"),
        *("default", "default_charset", "7bit", "8bit", "binary"),
    )
)

# Label → Python codec. Where a label is commonly a lie for its superset, the superset is used
# (as WHATWG's Encoding standard §4.2 does): the extra bytes are errors otherwise.
CODECS = {
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1"), "cp1252"),
    **dict.fromkeys(("iso-8859-9", "latin5", "l5"), "cp1254"),
    **dict.fromkeys(("iso-8859-11", "tis-620", "tis620"), "cp874"),
    **dict.fromkeys(("gb2312", "gbk", "gb-2312-80", "x-gbk", "cp936", "euc-cn"), "gb18030"),
    **dict.fromkeys(("ks-c-5601-1987", "ks-c-5601", "euc-kr", "ksc5601", "euckr"), "cp949"),
    **dict.fromkeys(("shift-jis", "x-sjis", "sjis", "ms-kanji", "cp932"), "cp932"),
    **dict.fromkeys(("x-euc-jp", "euc-jp", "eucjp"), "euc_jp"),
    **dict.fromkeys(("big5", "x-big5", "cn-big5", "big-5"), "cp950"),
    **dict.fromkeys(("iso-2022-jp", "csiso2022jp", "iso-2022-jp-ms"), "iso2022_jp_ext"),
    "hz-gb-2312": "hz",
    "hz": "hz",
    "gb18030": "gb18030",
    "big5-hkscs": "big5hkscs",
    "iso-2022-kr": "iso2022_kr",
    "johab": "johab",
    "iso-8859-8-i": "iso8859_8",
    "iso-8859-8-e": "iso8859_8",
    "iso-8859-6-i": "iso8859_6",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "koi8-ru": "koi8_u",
    "koi8r": "koi8_r",
    "unicode-1-1-utf-7": "utf_7",
    "utf-7": "utf_7",
    "unicode": "utf_16",
    "ucs-2": "utf_16",
    "utf-16": "utf_16",
    "utf-16le": "utf_16_le",
    "utf-16be": "utf_16_be",
    "utf-32": "utf_32",
    "utf-32le": "utf_32_le",
    "utf-32be": "utf_32_be",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "koi8-t": "koi8_t",
    "ptcp154": "ptcp154",
    "windows-874": "cp874",
    "windows-31j": "cp932",
    "windows-949": "cp949",
    "windows-936": "gb18030",
}
NUMBERED = re.compile(
    r"(?:(iso|iso-?8859)[-_]?(?:8859[-_]?)?(\d{1,2})"
    r"|(?:windows|win|cp|x-cp|ibm|microsoft-cp|dos)[-_]?(\d{3,4}))"
    r"(?:[:-]\d{4})?\Z"
)
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))


class Decoded(NamedTuple):
    """Text, or ``None`` when the bytes are no text in any charset we know.

    ``charset`` is a codec's name; ``broken``: some bytes had no meaning in it (U+FFFD).
    """

    text: str | None
    charset: str
    broken: bool = False


@lru_cache(maxsize=512)
def find_codec(label: str) -> str | None:
    """The Python codec for a charset label as mail writes them, ``None`` if it is none."""
    name = label.strip(" \t\"'").lower().replace("_", "-").partition("*")[0]
    if name in ("utf-8", "utf8", "utf-8mb4", "utf8mb4", "unicode-1-1-utf-8", "x-unicode-2-0-utf-8"):
        return "utf-8"
    if name in ("us-ascii", "ascii", "ansi-x3.4-1968", "iso646-us", "ansi"):
        return "ascii"
    known = CODECS.get(name)
    if known is not None:
        return known
    numbered = NUMBERED.match(name)
    if numbered is None:
        return None
    part, page = numbered.group(2), numbered.group(3)
    wanted = f"iso8859_{int(part)}" if part else f"cp{int(page)}"
    wanted = {"iso8859_1": "cp1252", "iso8859_9": "cp1254", "iso8859_11": "cp874"}.get(
        wanted, wanted
    )
    try:
        codecs.lookup(wanted)
    except LookupError:
        return None
    return wanted


def decode_text(data: bytes, declared: str = "") -> Decoded:
    """Decodes the bytes of a text part; ``declared`` is its charset parameter, if any."""
    untold = not declared or declared.strip(" \t\"'").lower() in UNTOLD
    codec = None if untold else find_codec(declared[:80])
    if codec in ("utf-8", "ascii"):
        codec = None
    if codec is None:
        try:
            return Decoded(data.decode("utf-8"), "utf-8")
        except UnicodeDecodeError:
            codec = guess_codec(data)
            if codec is None:
                return Decoded(None, "")
    return decode_with(data, codec)


def decode_with(data: bytes, codec: str) -> Decoded:
    """Decodes with one codec; bytes without meaning become U+FFFD."""
    try:
        return Decoded(data.decode(codec), codec)
    except UnicodeError:
        pass
    except (LookupError, ValueError):
        return Decoded(None, "")
    try:
        return Decoded(data.decode(codec, "replace"), codec, broken=True)
    except ValueError:  # the UTF-16 and UTF-32 codecs may refuse even so
        return Decoded(None, "")


def guess_codec(data: bytes) -> str | None:
    """The codec these bytes look like; ``None``: binary, or nothing fits.

    A part larger than three samples is judged by its start, middle and end, two out of three.
    """
    if len(data) <= 3 * SAMPLE:
        return _guess_sample(data)
    middle = len(data) // 2
    guesses = [
        _guess_sample(data[:SAMPLE]),
        _guess_sample(data[middle : middle + SAMPLE]),
        _guess_sample(data[-SAMPLE:]),
    ]
    for guess in guesses:
        if guesses.count(guess) >= 2:
            return guess
    return next((guess for guess in guesses if guess is not None), None)


def _guess_sample(sample: bytes) -> str | None:
    if not sample:
        return None
    if b"\0" in sample:
        return _guess_wide(sample)
    controls = len(sample) - len(sample.translate(None, CONTROLS))
    if controls > BINARY_SHARE * len(sample):
        return None
    try:
        sample.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        if error.start > 0 and error.end >= len(sample) and error.reason.startswith("unexpected"):
            return "utf-8"  # the sample cut a character in two
    return _guess_narrow(sample)


def _guess_wide(sample: bytes) -> str | None:
    """UTF-16 of mostly Latin text has its zeros at every second place."""
    half = len(sample) // 2
    if half < 4:
        return None
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf_16"
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf_16_le"
    if even > 0.7 * half and odd < 0.05 * half:
        return "utf_16_be"
    return None


def _guess_narrow(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes  # slow to load, seldom needed

    best = from_bytes(sample, steps=5, chunk_size=512, preemptive_behaviour=False).best()
    if best is None:
        return "cp1252" if _mostly_ascii(sample) else None
    codec = find_codec(best.encoding)
    if codec is None or codec in ("ascii", "utf-8", "utf_16", "utf_32"):
        return "cp1252" if _mostly_ascii(sample) else None
    return codec


def _mostly_ascii(sample: bytes) -> bool:
    """Western text has a high byte here and there; only then cp1252 is a fair last guess."""
    high = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    return high <= 0.3 * len(sample)
