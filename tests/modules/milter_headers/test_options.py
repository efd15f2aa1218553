# SPDX-License-Identifier: Apache-2.0
"""Every routine has options of its name, with Rspamd's defaults."""

import msgspec
import pytest

from gatepost.modules.milter_headers import MilterHeaders
from gatepost.modules.milter_headers.options import Routines
from gatepost.modules.milter_headers.routines import ROUTINES
from gatepost.testing import build_app

HEADERS = {
    "x-spamd-result": "X-Spamd-Result",
    "x-rspamd-server": "X-Rspamd-Server",
    "x-rspamd-queue-id": "X-Rspamd-Queue-Id",
    "x-rspamd-action": "X-Rspamd-Action",
    "x-rspamd-pre-result": "X-Rspamd-Pre-Result",
    "x-spamd-bar": "X-Spamd-Bar",
    "x-spam-level": "X-Spam-Level",
    "x-spam-status": "X-Spam-Status",
    "spam-header": "Deliver-To",
    "remove-spam-flag": "X-Spam",
    "remove-header": "",
    "x-virus": "X-Virus",
    "x-os-fingerprint": "X-OS-Fingerprint",
    "authentication-results": "Authentication-Results",
    "stat-signature": "X-Stat-Signature",
    "fuzzy-hashes": "X-Rspamd-Fuzzy",
}


@pytest.mark.parametrize("name, header", HEADERS.items())
def test_headers_are_called_as_in_rspamd(name, header):
    options = getattr(Routines(), name.replace("-", "_"))
    assert options.header == header


def test_every_routine_can_be_configured():
    names = {field.encode_name for field in msgspec.structs.fields(Routines)}
    assert names == {*ROUTINES, "x-rspamd-pre-result"}


@pytest.mark.parametrize(
    "written, read", [("0", 0), ("-2", -2), ("null", None), ("[1, -1]", [1, -1])]
)
def test_removals_are_numbers_or_none(written, read):
    config = f"milter_headers {{ routines {{ x-spam-level {{ remove = {written} }} }} }}"
    module = build_app([MilterHeaders], config=config).modules[0].module
    assert module.options.routines.x_spam_level.remove == read
