# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between a module and the state it keeps.

``GatepostError``
└── ``StoreError``: all that leaves this room; exceptions of ``sqlite3`` and ``redis`` do not
"""

from gatepost.errors import GatepostError


class StoreError(GatepostError):
    """An operation on the store that was not carried out, or of which nobody knows whether it was.

    ``temporary`` is true when the same call may succeed later (unreachable, timed out,
    locked, still loading) and false when it never will (a key that holds another type, a
    counter that is no number, settings that make no sense).
    """

    def __init__(self, message: str, *, temporary: bool = True) -> None:
        super().__init__(message)
        self.temporary = temporary
