# SPDX-License-Identifier: Apache-2.0
"""UCL, Rspamd's configuration language: text to values that know their file and line, and back."""

from gatepost.ucl.errors import UclError
from gatepost.ucl.loader import Loader
from gatepost.ucl.merge import Strategy, merge
from gatepost.ucl.source import Where
from gatepost.ucl.text import parse
from gatepost.ucl.values import Array, Object, Scalar, Value
from gatepost.ucl.writer import to_plain, to_ucl

__all__ = [
    "Array",
    "Loader",
    "Object",
    "Scalar",
    "Strategy",
    "UclError",
    "Value",
    "Where",
    "merge",
    "parse",
    "to_plain",
    "to_ucl",
]
