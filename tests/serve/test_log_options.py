# SPDX-License-Identifier: Apache-2.0
"""The section ``logging`` as plain data becomes options."""

import msgspec
import pytest

from gatepost.serve.log_options import LogOptions


def test_rspamd_s_options_are_taken_as_they_are():
    options = msgspec.convert(
        {"type": "file", "filename": "/var/log/x", "level": "silent", "debug_modules": ["dkim"]},
        LogOptions,
    )
    assert options.filename == "/var/log/x"
    assert options.debug_modules == ("dkim",)


@pytest.mark.parametrize("wrong", [{"type": "paper"}, {"level": "loud"}, {"facility": "local8"}])
def test_an_unknown_word_is_refused(wrong):
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value"):
        msgspec.convert(wrong, LogOptions)
