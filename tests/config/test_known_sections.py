# SPDX-License-Identifier: Apache-2.0
"""The lists of sections agree with each other and with what is here."""

from __future__ import annotations

import pytest

from gatepost.config.known_sections import CORE, RENAMED, RSPAMD, WORKERS
from gatepost.modules import ALL


def test_a_section_is_either_the_cores_or_a_modules() -> None:
    assert not CORE & RSPAMD
    assert not CORE & {module.name for module in ALL}


@pytest.mark.parametrize(
    "name", ["antivirus", "dkim_signing", "ratelimit", "rbl", "surbl", "emails", "whitelist"]
)
def test_rspamds_modules_are_known(name: str) -> None:
    assert name in RSPAMD


def test_files_of_another_name_have_a_section() -> None:
    assert set(RENAMED.values()) <= CORE | RSPAMD
    assert set(WORKERS) >= {"worker-normal", "worker-controller", "worker-proxy", "worker-fuzzy"}
