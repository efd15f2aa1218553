# SPDX-License-Identifier: Apache-2.0
import msgspec
import pytest

from gatepost.serve.milter.options import MilterOptions


def test_defaults_are_rspamds():
    options = MilterOptions()
    assert options.spam_header == "X-Spam"
    assert options.reject_message == "Spam message rejected"
    assert options.tempfail_message == "Try again later"
    assert options.quarantine_message == "Spam message quarantined"
    assert not options.discard_on_reject and not options.quarantine_on_reject


@pytest.mark.parametrize(
    "wrong", [{"max_connections": -1}, {"on_failure": "drop"}, {"log_tag_type": "x"}]
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, MilterOptions)
