# SPDX-License-Identifier: Apache-2.0
"""Results and reasons are words that others can read in a header."""

from typing import get_args

from gatepost.authn import Reason, Result


def test_results_are_those_of_rfc_8601():
    words = {"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"}
    assert set(get_args(Result)) == words


def test_reasons_can_stand_in_a_quoted_string():
    for reason in Reason:
        assert str(reason).isascii() and '"' not in reason and "\\" not in reason
