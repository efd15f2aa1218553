# SPDX-License-Identifier: Apache-2.0
"""The bounds are those that Rspamd's operators know."""

from __future__ import annotations

from gatepost.mail.limits import Limits


def test_defaults_are_the_documented_ones() -> None:
    limits = Limits()
    assert limits.max_message == 52_428_800
    assert (limits.max_depth, limits.max_parts) == (64, 10_000)
    assert (limits.max_boundaries, limits.max_headers) == (100_000, 100_000)
    assert (limits.max_parameters, limits.max_recipients) == (1024, 1024)
    assert (limits.max_urls, limits.words_decay) == (10_240, 600)
