# SPDX-License-Identifier: Apache-2.0
"""The root of every exception that Gatepost raises on purpose."""


class GatepostError(Exception):
    """What went wrong, in words an operator can act on.

    Each room derives its own small family from this class (``UclError``,
    ``ConfigError``, ``StoreError`` ...), so that a caller can tell them apart and
    the command line can catch them all.
    """
