# SPDX-License-Identifier: Apache-2.0
"""Whoever catches the room's error catches all of them."""

import pytest

from authn_dkim import RSA, letter
from gatepost.authn import AuthnError, SignHeaders, generate_key, load_private_key, sign_dkim
from gatepost.errors import GatepostError


@pytest.mark.parametrize(
    "call",
    [
        lambda: load_private_key("no key"),
        lambda: generate_key("rsa", 1),
        lambda: SignHeaders.parse("to"),
        lambda: sign_dkim(letter(), RSA, "no domain", "s", now=1),
    ],
)
def test_one_family(call):
    with pytest.raises(AuthnError) as caught:
        call()
    assert isinstance(caught.value, GatepostError) and str(caught.value)
