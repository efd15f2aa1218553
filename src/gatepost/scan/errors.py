# SPDX-License-Identifier: Apache-2.0
"""Errors of the scan core.

GatepostError
└── ScanError
    ├── DeclarationError   a module, symbol or check is declared wrongly (a bug of its author)
    ├── ExpressionError    an expression or selector cannot be read (a mistake in the configuration)
    └── RuleError          a rule in Python did what rules may not (a mistake of the postmaster's)
"""

from gatepost.errors import GatepostError


class ScanError(GatepostError):
    """Anything the scan core cannot go on with."""


class DeclarationError(ScanError):
    """A module contradicts itself: no direction policy, checks that wait for each other ..."""


class ExpressionError(ScanError):
    """A composite expression, settings expression or selector that cannot be read."""


class RuleError(ScanError):
    """A rule in Python returned what means nothing, or tried to end the program."""
