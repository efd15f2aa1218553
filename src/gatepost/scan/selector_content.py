# SPDX-License-Identifier: Apache-2.0
"""Extractors of what is in the letter: headers, Received hops, files, words, digests.

Source: content reference §5.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from gatepost.mail import Header, Part
from gatepost.scan.selector_arguments import Arguments
from gatepost.scan.selector_digests import ENCODINGS, HASHES, encode, hash_of
from gatepost.scan.selector_methods import METHODS
from gatepost.scan.selector_values import (
    MAX_VALUES,
    Extraction,
    Extractor,
    Shape,
    Word,
    plain,
)
from gatepost.scan.task import Task

WORD_FORMS = ("stem", "norm", "raw", "full")


def build_header(arguments: Arguments) -> Extraction:
    """``full`` and ``strong`` may be one argument (``'full,strong'``) or two."""
    name = arguments.text(0, what="the name of a header")
    flags = {
        flag for text in arguments.texts()[1:] for flag in text.replace(",", " ").split() if flag
    }
    for flag in sorted(flags - {"full", "strong"}):
        raise arguments.error("`full` or `strong`", flag, known=("full", "strong"))
    strong = "strong" in flags

    def read_all(task: Task) -> list[Header]:
        return task.message.headers.get_all(name, strong=strong)

    def read_first(task: Task) -> str | None:
        if not strong:
            return task.message.headers.get(name)
        found = read_all(task)
        return found[0].value if found else None

    if "full" in flags:
        return Extraction(read_all, Shape("header", many=True))
    return Extraction(read_first, Shape("string"))


def build_received(arguments: Arguments) -> Extraction:
    if not len(arguments):
        return Extraction(lambda task: list(task.message.received), Shape("hop", many=True))
    name = arguments.choice(0, METHODS["hop"])
    read = METHODS["hop"][name].read

    def read_field(task: Task) -> list[str]:
        values = (plain(read(hop)) for hop in task.message.received)
        return list(flattened(values))

    return Extraction(read_field, Shape("string", many=True))


def flattened(values: Iterator[str | list[str] | None]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif value is not None:
            yield from value


def build_attachments(arguments: Arguments) -> Extraction:
    encoding = arguments.choice(0, ENCODINGS, "hex")
    algorithm = arguments.choice(1, HASHES, "blake2")

    def digest(part: Part) -> str:
        # The same digest that `Part` keeps for the fuzzy hash of attachments.
        raw = part.digest if algorithm == "blake2" else hash_of(part.decoded, algorithm)
        return encode(raw, encoding)

    def read(task: Task) -> list[str]:
        parts = (part for part in task.message.parts if part.is_leaf and part.is_attachment)
        return [digest(part) for part in islice(parts, MAX_VALUES)]

    return Extraction(read, Shape("string", many=True))


def read_files(task: Task) -> list[str]:
    return [part.filename for part in task.message.parts if part.filename]


def read_languages(task: Task) -> list[str]:
    return [text.language for text in task.message.text_parts if text.language]


def build_words(arguments: Arguments) -> Extraction:
    form = arguments.choice(0, WORD_FORMS, "stem")
    if form == "full":
        return Extraction(read_full_words, Shape("word", many=True))
    return Extraction(lambda task: list(islice(words(task), MAX_VALUES)), Shape("string", True))


def words(task: Task) -> Iterator[str]:
    for text in task.message.text_parts:
        yield from text.words.texts()


def read_full_words(task: Task) -> list[Word]:
    found: list[Word] = []
    for part in task.message.text_parts:
        pairs = zip(part.words.texts(), part.words.flags.tolist(), strict=True)
        found.extend(Word(text, text, text, flags) for text, flags in pairs)
        if len(found) > MAX_VALUES:
            break
    return found


def texts(read: Callable[[Task], Any]) -> Callable[[Arguments], Extraction]:
    """An extractor of a list of strings that takes no arguments."""
    return lambda arguments: Extraction(read, Shape("string", many=True))


def text(read: Callable[[Task], Any]) -> Callable[[Arguments], Extraction]:
    return lambda arguments: Extraction(read, Shape("string"))


CONTENT: dict[str, Extractor] = {
    "header": Extractor(
        "name[, full][, strong]",
        "the first header of this name, decoded; `full`: all of them, with their fields; "
        "`strong`: case matters",
        build_header,
    ),
    "received": Extractor(
        "[field]", "the hops of the letter, the client first, or one field of each", build_received
    ),
    "received_count": Extractor(
        "", "how many hops there are", text(lambda task: str(len(task.message.received)))
    ),
    "messageid": Extractor(
        "", "the Message-ID without brackets", text(lambda task: task.message.message_id)
    ),
    "digest": Extractor(
        "", "a digest of all parts and the subject", text(lambda task: task.message.digest)
    ),
    "attachments": Extractor(
        "[encoding[, hash]]", "a digest of each attachment's content", build_attachments
    ),
    "files": Extractor("", "the file names of all parts that have one", texts(read_files)),
    "languages": Extractor("", "the languages of the text parts", texts(read_languages)),
    "words": Extractor(
        "[stem|norm|raw|full]", "the words of all texts, in lower case, unstemmed", build_words
    ),
}
