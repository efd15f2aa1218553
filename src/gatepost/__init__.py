# SPDX-License-Identifier: Apache-2.0
"""Gatepost: a mail scanner that stands at the way out."""

__version__ = "0.1.0"
