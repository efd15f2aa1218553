# SPDX-License-Identifier: Apache-2.0
"""The configuration: layers of UCL files → sections → typed options, and what is wrong in them."""

from gatepost.config.bind import bind
from gatepost.config.errors import ConfigError, Problem
from gatepost.config.layers import (
    DEFAULTS,
    Configuration,
    find_configuration,
    find_state,
    load_configuration,
    sections_in,
)
from gatepost.config.options import OptionsSection, read_options
from gatepost.config.problems import Problems, did_you_mean
from gatepost.config.units import Bytes, Count, Fraction, Names, Raw, Score, Seconds

__all__ = [
    "DEFAULTS",
    "Bytes",
    "ConfigError",
    "Configuration",
    "Count",
    "Fraction",
    "Names",
    "OptionsSection",
    "Problem",
    "Problems",
    "Raw",
    "Score",
    "Seconds",
    "bind",
    "did_you_mean",
    "find_configuration",
    "find_state",
    "load_configuration",
    "read_options",
    "sections_in",
]
