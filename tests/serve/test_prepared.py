# SPDX-License-Identifier: Apache-2.0
"""The few rules that the seam itself has."""

import pytest

from gatepost.serve.bind_address import parse_bind
from gatepost.serve.milter import MilterOptions
from gatepost.serve.prepared import MilterListener, ScanPortListener, grace_for


@pytest.mark.parametrize("task_timeout, grace", [(0.0, 10.0), (5.0, 10.0), (8.0, 16.0)])
def test_the_grace_is_rspamd_s(task_timeout, grace):
    assert grace_for(task_timeout) == grace


def test_listeners_say_their_kind_and_have_defaults():
    bind = (parse_bind("*:11332"),)
    assert MilterListener(bind=bind).options == MilterOptions()
    assert [MilterListener(bind=bind).kind, ScanPortListener(bind=bind).kind] == ["milter", "scan"]
