# SPDX-License-Identifier: Apache-2.0
"""Errors of the milter front end.

ServeError
└── MilterError     the peer broke the protocol: the connection ends, the MTA tries later
"""

from gatepost.serve.errors import ServeError


class MilterError(ServeError):
    """What came over the wire is no milter message, or none that may come now."""
