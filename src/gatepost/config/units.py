# SPDX-License-Identifier: Apache-2.0
"""The types of options: what a number counts, within which bounds, and how text is read.

An option is a field of a typed struct; its annotation is all that ``bind`` needs to read it and
to say what was expected. UCL has already turned ``1h`` into 3600.0 and ``10kb`` into 10240.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0, extra={"unit": "seconds, such as 30s or 1h"})]
"""A time, in seconds."""

Bytes = Annotated[int, Meta(ge=0, extra={"unit": "bytes, such as 64kb"})]
"""A size, in bytes."""

Count = Annotated[int, Meta(ge=0)]
"""How many; 0 is allowed."""

Fraction = Annotated[float, Meta(ge=0, le=1)]
"""A share between 0 and 1."""

Score = float
"""A score, or a threshold for one."""

Names = Annotated[list[str], Meta(extra={"split": True})]
"""A list of words; one string of words with commas or blanks between them will do as well."""

Raw = Any
"""Taken as it stands in the configuration: maps, selectors, rules that are read elsewhere."""
