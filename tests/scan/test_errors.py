# SPDX-License-Identifier: Apache-2.0
"""The family of the scan core's errors, as callers tell them apart."""

from __future__ import annotations

import pytest

from gatepost.errors import GatepostError
from gatepost.scan.errors import DeclarationError, ExpressionError, RuleError, ScanError


@pytest.mark.parametrize("error", [DeclarationError, ExpressionError, RuleError])
def test_one_catch_is_enough_for_all(error: type[ScanError]) -> None:
    with pytest.raises(ScanError, match="what went wrong"):
        raise error("what went wrong")
    assert issubclass(error, GatepostError)


def test_a_bug_is_not_taken_for_a_mistake_in_the_configuration() -> None:
    assert not issubclass(DeclarationError, ExpressionError)
    assert not issubclass(ExpressionError, DeclarationError)
