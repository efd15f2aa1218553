# SPDX-License-Identifier: Apache-2.0
"""The family of the commands' errors."""

from gatepost.cli.errors import CliError, RequestFailed, UsageError
from gatepost.errors import GatepostError


def test_one_family_that_the_command_line_can_catch():
    assert issubclass(CliError, GatepostError)
    assert issubclass(UsageError, CliError)
    failure = RequestFailed("no", b"body")
    assert isinstance(failure, CliError)
    assert (str(failure), failure.body) == ("no", b"body")
