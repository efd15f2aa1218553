# SPDX-License-Identifier: Apache-2.0
from gatepost.errors import GatepostError
from gatepost.serve.errors import ServeError
from gatepost.serve.milter.errors import MilterError


def test_whoever_catches_the_front_ends_errors_catches_this_one():
    assert issubclass(MilterError, ServeError)
    assert issubclass(MilterError, GatepostError)
