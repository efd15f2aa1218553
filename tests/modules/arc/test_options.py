# SPDX-License-Identifier: Apache-2.0
"""What ARC does differently from DKIM signing when nobody says anything."""

import pytest

from gatepost.modules.arc.options import ArcOptions
from gatepost.scan.signing_options import SigningOptions


@pytest.mark.parametrize(
    "option, value",
    [
        ("sign_local", True),
        ("sign_authenticated", True),
        ("use_domain", "header"),
        ("use_domain_sign_inbound", "recipient"),
        ("selector", "arc"),
        ("key_prefix", "ARC_KEYS"),
        ("allow_pubkey_mismatch", False),
        ("adjust_dmarc", True),
        ("reuse_auth_results", False),
    ],
)
def test_defaults(option, value):
    assert getattr(ArcOptions(), option) == value


def test_all_else_is_as_for_dkim():
    theirs, ours = SigningOptions(), ArcOptions()
    differ = {
        name
        for name in SigningOptions.__struct_fields__
        if getattr(theirs, name) != getattr(ours, name)
    }
    assert differ == {"use_domain_sign_inbound", "selector", "key_prefix", "allow_pubkey_mismatch"}
