# SPDX-License-Identifier: Apache-2.0
"""Does an error name its place?"""

from gatepost.errors import GatepostError
from gatepost.ucl import UclError, Where


def test_error_reads_as_file_line_message():
    error = UclError(Where("local.d/spf.conf", 7), "this { is never closed with }")
    assert str(error) == "local.d/spf.conf:7: this { is never closed with }"
    assert error.where.line == 7
    assert error.message == "this { is never closed with }"
    assert isinstance(error, GatepostError)
