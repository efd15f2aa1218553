# SPDX-License-Identifier: Apache-2.0
"""Which words does a text have, as arrays that NumPy can hash?

The text is split over all its bytes (ASCII) or code points at once: letters, digits and ``_``
continue a word, an apostrophe joins letters, full stop and comma join digits. Only text that
NFKC would change goes word by word through one regular expression. Nothing is stemmed here.
Source: content reference §1.6.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from gatepost.mail.limits import Limits
from gatepost.mail.word_classes import (
    APOSTROPHES,
    ASCII,
    ASCII_WITH_DOMAINS,
    BACK,
    CURRENCY,
    DIGIT,
    LETTER,
    POINTS,
    STAND_INS,
    WIDE,
    WORD,
    WORD_OR_DOMAIN,
    wide_table,
)

Integers = NDArray[np.int64]
Classes = NDArray[np.uint8]

DEFAULT_LIMITS = Limits()
AVERAGE_WORD = 6  # bytes with the blank after it, as §1.6's decay assumes
NO_DOMAIN = "!!EX!!"  # stands for a URL without one


class WordFlag(IntFlag):
    """Rspamd's word flags, those that can be told without a language."""

    TEXT = 1
    UTF = 2
    NORMALISED = 4  # NFKC changed the word
    EXCEPTION = 8  # a URL, as its eSLD


WORD_OF_TEXT = int(WordFlag.TEXT | WordFlag.UTF)


class Words:
    """Words in one buffer of lower-case UTF-8: word ``i`` is ``buffer[offsets[i]:][:lengths[i]]``.

    ``truncated``: the limit of words or bytes was hit (WORDS_TRUNCATED). ``total`` counts the
    words before decay left some out.
    """

    __slots__ = ("buffer", "flags", "lengths", "offsets", "total", "truncated")

    def __init__(
        self,
        buffer: bytes,
        offsets: Integers,
        lengths: Integers,
        flags: NDArray[np.uint16],
        *,
        total: int,
        truncated: bool,
    ) -> None:
        self.buffer = buffer
        self.offsets = offsets
        self.lengths = lengths
        self.flags = flags
        self.total = total
        self.truncated = truncated

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def data(self) -> NDArray[np.uint8]:
        """The buffer as an array, without copying it."""
        return np.frombuffer(self.buffer, np.uint8)

    @property
    def ends(self) -> Integers:
        """Where each word ends in ``buffer``."""
        return self.offsets + self.lengths

    def texts(self) -> list[str]:
        """The words as strings: for rules that want text, not for the hot path."""
        pairs = zip(self.offsets.tolist(), self.ends.tolist(), strict=True)
        return [self.buffer[start:end].decode("utf-8", "replace") for start, end in pairs]


def split_words(
    text: str,
    limits: Limits = DEFAULT_LIMITS,
    *,
    urls: Sequence[tuple[int, int, str]] = (),
) -> Words:
    """The words of ``text``, at most ``limits.max_words`` and ``limits.max_words_bytes``.

    ``urls`` are (start, end, eSLD) in order, without overlap: each becomes one word. After
    ``limits.words_decay`` words only some of the rest are kept, always the same ones.
    """
    # Words beyond the bounds are never looked for: 16 characters a word are more than enough.
    most = 16 * max(limits.max_words, limits.max_words_bytes)
    cut = len(text) > most
    if cut:
        text = text[:most]
    if urls:
        text = _with_domains(text, urls)
    if text.isascii():
        words = _split_ascii(text, bool(urls), limits)
    else:
        words = _split_unicode(text, bool(urls), limits)
    words.truncated = words.truncated or cut
    return words


def _with_domains(text: str, urls: Sequence[tuple[int, int, str]]) -> str:
    """The text with each URL replaced by its domain, which stand-ins keep in one piece."""
    pieces: list[str] = []
    last = 0
    for start, end, domain in urls:
        if start < last or end > len(text):
            continue
        pieces += (text[last:start].translate(NO_STAND_INS), " \x1c")
        pieces += ((domain or NO_DOMAIN).lower().translate(STAND_INS), " ")
        last = end
    pieces.append(text[last:].translate(NO_STAND_INS))
    return "".join(pieces)


NO_STAND_INS = dict.fromkeys(range(0x1C, 0x20), " ")


def _split_ascii(text: str, domains: bool, limits: Limits) -> Words:
    if not text:
        return _no_words()
    buffer = text.lower().encode("ascii")
    data = np.frombuffer(buffer, np.uint8)
    classes = (ASCII_WITH_DOMAINS if domains else ASCII)[data]
    starts, ends = _split(text, data, classes, singles="$" in text)
    flags = np.full(len(starts), WORD_OF_TEXT, np.uint16)
    if domains:
        buffer = _mark_domains(buffer, starts, flags)
    return _bounded(buffer, starts, ends - starts, flags, limits)


def _split_unicode(text: str, domains: bool, limits: Limits) -> Words:
    # Neither is in a word, but NFKC changes both, and they are in half of all letters.
    text = text.replace("\xa0", " ").replace("…", " ")
    if not unicodedata.is_normalized("NFKC", text):
        return _split_unnormalised(text, domains, limits)
    text = text.lower()
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    classes = wide_table(with_domains=domains)[np.minimum(codes, WIDE)]
    starts, ends = _split(text, codes, classes, singles=bool((classes >= CURRENCY).any()))
    sizes = np.ones(len(codes) + 1, np.int64)
    sizes[0] = 0
    for more in (0x80, 0x800, 0x10000):
        sizes[1:] += codes >= more
    places = np.cumsum(sizes)
    buffer = text.encode("utf-8", "replace")
    flags = np.full(len(starts), WORD_OF_TEXT, np.uint16)
    starts, ends = places[starts], places[ends]
    if domains:
        buffer = _mark_domains(buffer, starts, flags)
    return _bounded(buffer, starts, ends - starts, flags, limits)


def _split_unnormalised(text: str, domains: bool, limits: Limits) -> Words:
    """Each word by itself, because what NFKC changed in it is a finding."""
    found = (WORD_OR_DOMAIN if domains else WORD).findall(text)
    if not found:
        return _no_words()
    joined = "\n".join(found).replace("\x1c", "")
    flags = np.full(len(found), WORD_OF_TEXT, np.uint16)
    if domains:
        flags[[word[0] == "\x1c" for word in found]] = int(WordFlag.EXCEPTION)
    if not unicodedata.is_normalized("NFKC", joined):
        changed = np.array([not unicodedata.is_normalized("NFKC", word) for word in found])
        flags[changed] |= np.uint16(WordFlag.NORMALISED)
        joined = unicodedata.normalize("NFKC", joined).replace(" ", "")
    buffer = joined.lower().encode("utf-8", "replace")
    breaks = np.flatnonzero(np.frombuffer(buffer, np.uint8) == 0x0A)
    starts = np.concatenate((np.zeros(1, np.int64), breaks + 1))
    ends = np.concatenate((breaks, np.array([len(buffer)], np.int64)))
    if domains:
        buffer = buffer.translate(BACK)
    return _bounded(buffer, starts, ends - starts, flags, limits)


def _split(
    text: str, codes: NDArray[np.uint8] | NDArray[np.uint32], classes: Classes, *, singles: bool
) -> tuple[Integers, Integers]:
    """Starts and ends of words, by the class of each character."""
    inside = classes != 0
    _join(text, codes, classes, inside)
    edges = np.empty(len(inside) + 1, np.bool_)
    edges[0], edges[-1] = inside[0], inside[-1]
    np.not_equal(inside[1:], inside[:-1], out=edges[1:-1])
    if singles:
        return _with_singles(edges, inside, np.flatnonzero(classes >= CURRENCY))
    borders = np.flatnonzero(edges)
    return borders[0::2], borders[1::2]


def _join(
    text: str,
    codes: NDArray[np.uint8] | NDArray[np.uint32],
    classes: Classes,
    inside: NDArray[np.bool_],
) -> None:
    """UAX #29 WB6, WB7, WB11 and WB12: what stands between two letters, or two digits."""
    for char in APOSTROPHES + POINTS:
        if char not in text:
            continue
        at = np.flatnonzero(codes[1:-1] == ord(char))
        before = classes[at]
        fits = (before == classes[at + 2]) & (before == DIGIT)
        if char in APOSTROPHES:
            fits |= (before == classes[at + 2]) & (before == LETTER)
        inside[at[fits] + 1] = True


def _with_singles(
    edges: NDArray[np.bool_], inside: NDArray[np.bool_], singles: Integers
) -> tuple[Integers, Integers]:
    """Starts and ends when the characters at ``singles`` are words of one character each."""
    starts_at = edges[:-1] & inside
    ends_at = edges[1:] & inside
    starts_at[singles] = True
    ends_at[singles] = True
    following = singles[singles + 1 < len(inside)] + 1
    starts_at[following[inside[following]]] = True
    preceding = singles[singles > 0] - 1
    ends_at[preceding[inside[preceding]]] = True
    return np.flatnonzero(starts_at), np.flatnonzero(ends_at) + 1


def _mark_domains(buffer: bytes, starts: Integers, flags: NDArray[np.uint16]) -> bytes:
    """Flags the words that a mark precedes and gives the buffer its full stops back."""
    data = np.frombuffer(buffer, np.uint8)
    marked = np.flatnonzero(data == 0x1C) + 1
    where = np.searchsorted(starts, marked)
    where = where[where < len(starts)]
    flags[where] = int(WordFlag.EXCEPTION)
    return buffer.translate(BACK)


def _bounded(
    buffer: bytes,
    offsets: Integers,
    lengths: Integers,
    flags: NDArray[np.uint16],
    limits: Limits,
) -> Words:
    """Applies decay and the bounds of §1.1."""
    total = len(offsets)
    kept = _decayed(offsets, len(buffer), limits.words_decay)
    if kept is not None:
        offsets, lengths, flags = offsets[kept], lengths[kept], flags[kept]
    fit = min(len(offsets), limits.max_words)
    sizes = np.cumsum(lengths[:fit])
    if fit and sizes[-1] > limits.max_words_bytes:
        fit = int(np.searchsorted(sizes, limits.max_words_bytes, "right"))
    truncated = fit < len(offsets)
    return Words(
        buffer, offsets[:fit], lengths[:fit], flags[:fit], total=total, truncated=truncated
    )


def _decayed(offsets: Integers, length: int, after: int) -> Integers | None:
    """Which words stay when a text has more than ``after``; ``None``: all of them.

    §1.6: p = floor(10 · after / (bytes left / 6)) / 10. Rspamd throws dice from a generator that
    the text seeds; an even stride keeps the same share, and the same words for the same text.
    """
    if after <= 0 or len(offsets) <= after:
        return None
    left = (length - int(offsets[after - 1])) / AVERAGE_WORD
    tenths = int(10 * after / left) if left > 0 else 10
    if tenths >= 10:
        return None
    rest = np.arange(len(offsets) - after, dtype=np.int64)
    chosen = rest[(rest + 1) * tenths // 10 > rest * tenths // 10]
    return np.concatenate((np.arange(after, dtype=np.int64), chosen + after))


def _no_words() -> Words:
    none = np.zeros(0, np.int64)
    return Words(b"", none, none, np.zeros(0, np.uint16), total=0, truncated=False)
