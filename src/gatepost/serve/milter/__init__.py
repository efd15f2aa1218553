# SPDX-License-Identifier: Apache-2.0
"""The milter front end: an MTA's message in, a verdict of the scan out.

Reading order: ``messages`` and ``answers`` (the wire), ``session`` (what may come when),
``macros`` (what becomes a request header), ``replies`` (what a verdict means to the MTA),
``connection`` and ``server`` (the sockets). Only these last two do I/O.
"""

from gatepost.serve.milter.listener import MilterCounters
from gatepost.serve.milter.options import MilterOptions
from gatepost.serve.milter.server import MilterServer

__all__ = ["MilterCounters", "MilterOptions", "MilterServer"]
