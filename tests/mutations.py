# SPDX-License-Identifier: Apache-2.0
"""Letters and texts damaged in the ways that break parsers, the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

MAX_SIZE = 24 * 1024
"""Bytes of a damaged text; it grows no further, however often it is damaged."""


def mutated(seeds: Sequence[bytes], tokens: Sequence[bytes], random: Random) -> bytes:
    """One of the seeds, damaged a few times: bytes, lines and pieces go, come and change places."""
    data = random.choice(seeds)
    for _ in range(random.choice((1, 1, 2, 3, 6, 12))):
        data = random.choice(DAMAGES)(data, seeds, tokens, random)[:MAX_SIZE]
    return data


def _span(data: bytes, random: Random, most: int) -> tuple[int, int]:
    begin = random.randint(0, len(data))
    return begin, min(len(data), begin + random.randint(1, most))


def _flip(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.randint(1, 8)):
        if changed:
            changed[random.randrange(len(changed))] = random.choice(
                (0, 9, 10, 13, 32, 34, 40, 58, 61, 0x7F, 0x80, 0xFF, random.randrange(256))
            )
    return bytes(changed)


def _cut(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], random: Random) -> bytes:
    begin, end = _span(data, random, 200)
    return data[:begin] + data[end:]


def _truncate(
    data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], random: Random
) -> bytes:
    return data[: random.randint(0, len(data))]


def _insert(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.choice(tokens) * random.choice((1, 1, 1, 2, 5, 300)) + data[at:]


def _repeat(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], random: Random) -> bytes:
    begin, end = _span(data, random, 300)
    return data[:end] + data[begin:end] * random.choice((1, 2, 20)) + data[end:]


def _move(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], random: Random) -> bytes:
    begin, end = _span(data, random, 400)
    piece, rest = data[begin:end], data[:begin] + data[end:]
    at = random.randint(0, len(rest))
    return rest[:at] + piece + rest[at:]


def _splice(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], random: Random) -> bytes:
    other = random.choice(seeds)
    begin, end = _span(other, random, 2000)
    at = random.randint(0, len(data))
    return data[:at] + other[begin:end] + data[at:]


def _newlines(
    data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], random: Random
) -> bytes:
    return data.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b"\n ", b"", b"\r\r\n")))


DAMAGES = (_flip, _cut, _truncate, _insert, _insert, _repeat, _move, _splice, _newlines)
