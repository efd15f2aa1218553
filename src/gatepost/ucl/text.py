# SPDX-License-Identifier: Apache-2.0
"""What does this one text say, with no file behind it?"""

from collections.abc import Mapping

from gatepost.ucl.macros import TextMacros
from gatepost.ucl.parser import Parser
from gatepost.ucl.source import Source
from gatepost.ucl.values import Array, Object
from gatepost.ucl.variables import NO_VARIABLES, Variables

_MACROS = TextMacros()


def parse(
    text: str,
    filename: str = "<text>",
    *,
    variables: Mapping[str, str] | None = None,
    safe: bool = False,
) -> Object | Array:
    """``text`` as values. An empty text is an empty object.

    ``safe`` is for text from the network (a ``Settings`` header, a map): no suffixes of time, no
    macros, no variables. Without it ``.priority`` and ``.inherit`` work; files are only included
    by a ``Loader``. At most 64 MiB of characters, 64 levels deep. Raises ``UclError``.
    """
    source = Source(filename, text)
    if safe:
        return Parser(source, times=False).parse()
    known = Variables(variables) if variables else NO_VARIABLES
    return Parser(source, variables=known, macros=_MACROS).parse()
