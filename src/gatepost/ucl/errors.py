# SPDX-License-Identifier: Apache-2.0
"""What is raised when UCL text cannot be read, and where it went wrong."""

from gatepost.errors import GatepostError
from gatepost.ucl.source import Where


class UclError(GatepostError):
    """Text that is not UCL, a macro that cannot be followed, or a template that failed.

    The room's only exception. ``where`` is the file and line of the mistake (through includes
    and templates), ``message`` says what was found and what was expected.
    """

    def __init__(self, where: Where, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = where
        self.message = message
