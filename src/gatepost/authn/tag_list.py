# SPDX-License-Identifier: Apache-2.0
"""Which tags does a DKIM tag=value list hold? RFC 6376 3.2, for signatures, key records and ARC."""

import re
from typing import NamedTuple

MAX_TAGS = 100
"""Tags in one list. RFC 6376 and its extensions define fewer than twenty."""

# Blanks may stand around each name and value. Bytes above 127: U-labels (RFC 8616).
TAG = re.compile(
    rb"[ \t\r\n]*+(?:([A-Za-z][A-Za-z0-9_]*+)[ \t\r\n]*+=([\t\n\r -:<-~\x80-\xff]*+))?+(?:(;)|\Z)"
)
BLANKS = re.compile(rb"[ \t\r\n]++")


class Tag(NamedTuple):
    """A value without the blanks around it, and where all of it stands in the list's bytes."""

    value: bytes
    start: int
    end: int


class TagListError(ValueError):
    """A list that is none. Caught inside this room; the text says what is wrong."""


def parse_tag_list(text: bytes) -> dict[str, Tag]:
    """The tags by their names (which keep their case). Raises :class:`TagListError`.

    A name given twice, an empty tag between semicolons, and a control character make the whole
    list wrong (RFC 6376 3.2).
    """
    tags: dict[str, Tag] = {}
    at = 0
    while True:
        match = TAG.match(text, at)
        if match is None:
            raise TagListError(f"no tag=value at byte {at}")
        if match[1] is None:
            if match[3] is None:
                break
            raise TagListError(f"an empty tag at byte {at}")
        name = match[1].decode("ascii")
        if name in tags:
            raise TagListError(f"{name}= is there twice")
        if len(tags) == MAX_TAGS:
            raise TagListError(f"more than {MAX_TAGS} tags")
        start, end = match.span(2)
        tags[name] = Tag(match[2].strip(b" \t\r\n"), start, end)
        at = match.end()
        if match[3] is None:
            break
    if not tags:
        raise TagListError("no tags")
    return tags


def without_blanks(value: bytes) -> bytes:
    """The value of a tag that may be folded anywhere, such as base64."""
    return BLANKS.sub(b"", value)


def split_colons(value: bytes) -> list[str]:
    """The items of a colon-separated value, blanks around each removed."""
    return [item.strip(b" \t\r\n").decode("utf-8", "replace") for item in value.split(b":")]
