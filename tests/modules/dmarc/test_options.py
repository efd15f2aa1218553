# SPDX-License-Identifier: Apache-2.0
"""Mistakes in the section are named."""

import pytest

from gatepost.config import ConfigError
from gatepost.modules.dmarc import Dmarc
from gatepost.testing import build_app


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "reporting { enbled = true; }",
            "dmarc.reporting.enbled: unknown key; did you mean `enabled`?",
        ),
        ("reporting { smtp_port = 70000; }", "dmarc.reporting.smtp_port: expected"),
        ("reporting { max_entries = 0; }", "dmarc.reporting.max_entries: expected"),
        ("reporting { keys_expire = never; }", "dmarc.reporting.keys_expire: expected"),
        (
            "actions { rejects = reject; }",
            "dmarc.actions.rejects: unknown key; did you mean `reject`?",
        ),
        ("symbols { alow = A; }", "dmarc.symbols.alow: unknown key; did you mean `allow`?"),
        ("munging = true;", "dmarc.munging: expected"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ConfigError) as raised:
        build_app([Dmarc], config=f"dmarc {{ {text} }}")
    assert message in str(raised.value)


def test_what_is_not_configured_is_off():
    (loaded,) = build_app([Dmarc], config="dmarc { }").modules
    assert not loaded.module.options.reporting.enabled
    assert [check.callback for check in loaded.module.checks()] == ["DMARC_CHECK"]
