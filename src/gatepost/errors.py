# SPDX-License-Identifier: Apache-2.0
"""The root of every exception that Gatepost raises on purpose, and what a log may say of any."""

import traceback
from pathlib import PurePath

MAX_FRAMES = 12


class GatepostError(Exception):
    """What went wrong, in words an operator can act on.

    Each room derives its own small family from this class (``UclError``,
    ``ConfigError``, ``StoreError`` ...), so that a caller can tell them apart and
    the command line can catch them all.
    """


def describe(error: BaseException, *, frames: int = MAX_FRAMES) -> str:
    """An exception for the log: type, text where it is safe, and the innermost ``frames``.

    The words of other people's exceptions are left out: they may quote the letter.
    """
    text = type(error).__name__
    if isinstance(error, GatepostError):
        text += f": {error}"
    elif isinstance(error, OSError) and error.strerror:
        text += f": {error.strerror}"
    places = traceback.extract_tb(error.__traceback__)[-frames:]
    if places:
        text += " at " + ", ".join(
            f"{'/'.join(PurePath(place.filename).parts[-2:])}:{place.lineno}({place.name})"
            for place in reversed(places)
        )
    cause = error.__cause__
    return f"{text}, caused by {type(cause).__name__}" if cause is not None else text
