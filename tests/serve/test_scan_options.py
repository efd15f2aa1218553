# SPDX-License-Identifier: Apache-2.0
"""Defaults and bounds of a scan listener."""

import msgspec
import pytest

from gatepost.serve.scan_options import ScanPortCounters, ScanPortOptions


def test_defaults_are_rspamds():
    options = ScanPortOptions()
    assert (options.max_message, options.timeout, options.max_tasks) == (52_428_800, 60.0, 0)
    assert options.enable_shutdown_workaround
    assert options.settings_id == ""


@pytest.mark.parametrize("bad", [{"max_message": 0}, {"timeout": 0}, {"max_tasks": -1}])
def test_nonsense_is_refused(bad):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, ScanPortOptions)


def test_counters_begin_at_nothing():
    assert not any(msgspec.structs.astuple(ScanPortCounters()))
