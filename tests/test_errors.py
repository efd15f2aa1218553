# SPDX-License-Identifier: Apache-2.0
"""What a log may say of an exception."""

import re

import pytest

from gatepost.errors import GatepostError, describe


def raised(error, cause=None):
    try:
        raise error from cause
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    "error, text",
    [
        (GatepostError("the store is away"), "GatepostError: the store is away"),
        (OSError(28, "No space left on device"), "OSError: No space left on device"),
        (KeyError("secret"), "KeyError"),
    ],
)
def test_words_of_ours_and_of_the_system_are_shown(error, text):
    assert describe(error) == text
    assert describe(raised(error, IndexError("secret"))).endswith(", caused by IndexError")


def test_the_innermost_places_are_named():
    def raises():
        return 1 / 0

    try:
        raises()
    except ZeroDivisionError as error:
        found = describe(error, frames=1)
    assert re.fullmatch(r"ZeroDivisionError at tests/test_errors\.py:\d+\(raises\)", found)
