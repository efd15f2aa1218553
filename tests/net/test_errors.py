# SPDX-License-Identifier: Apache-2.0
"""The room's family of errors."""

import pytest

from gatepost.errors import GatepostError
from gatepost.net import MapError, NetError, UpstreamError


@pytest.mark.parametrize("error", [MapError, UpstreamError])
def test_one_family(error):
    assert issubclass(error, NetError) and issubclass(error, GatepostError)
