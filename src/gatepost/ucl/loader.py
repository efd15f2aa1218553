# SPDX-License-Identifier: Apache-2.0
"""What do a file and everything that it includes say together?"""

from collections.abc import Mapping
from pathlib import Path

from gatepost.ucl.files import Files
from gatepost.ucl.includes import FileMacros
from gatepost.ucl.merge import Strategy
from gatepost.ucl.parser import Parser
from gatepost.ucl.source import NOWHERE, Source, Where
from gatepost.ucl.values import Object
from gatepost.ucl.variables import Variables


class Loader:
    """Reads files of UCL with their macros, templates and priorities.

    ``variables`` are what ``$NAME`` stands for (``CURDIR`` and ``FILENAME`` are added for each
    file). ``environment`` is searched for ``RSPAMD_X`` and ``GATEPOST_X``, which templates see as
    ``env.X``; ``template=False`` leaves ``{= … =}`` and ``{% … %}`` alone.
    Bounds: 64 MiB a file, 256 MiB and 10,000 files together, includes 16 deep.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        *,
        environment: Mapping[str, str],
        template: bool = True,
    ) -> None:
        self._files = Files(environment, template=template)
        self._variables = dict(variables)
        self._macros = FileMacros(self._files, self._variables)

    @property
    def files(self) -> list[Path]:
        """Every file that was read, once each, in the order of reading."""
        return self._files.read

    def load(
        self,
        path: Path,
        *,
        into: Object | None = None,
        priority: int = 0,
        strategy: Strategy = "append",
    ) -> Object:
        """Write the content of ``path`` into ``into`` (or a new object), which is returned.

        Raises ``UclError``; a file that cannot be read is named as ``where`` with line 0.
        """
        where = Where(str(path), 0)
        target = Object(where=where) if into is None else into
        self._macros.read_file(path, [target], where, priority=priority, strategy=strategy)
        return target

    def parse(
        self,
        text: str,
        filename: str,
        *,
        into: Object | None = None,
        priority: int = 0,
        strategy: Strategy = "append",
    ) -> Object:
        """As ``load`` for a text that is at hand. It is no template; relative includes are
        looked for in the working directory."""
        source = Source(filename, text)
        target = Object(origin=(source, 0, priority) if text else NOWHERE) if into is None else into
        Parser(
            source,
            variables=Variables(self._variables),
            macros=self._macros,
            priority=priority,
            strategy=strategy,
        ).fill([target])
        return target
