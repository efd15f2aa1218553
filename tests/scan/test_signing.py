# SPDX-License-Identifier: Apache-2.0
"""The steps that decide on a signature, in their order: each beats those that come after it."""

import pytest

from gatepost.modules.dkim_signing import DkimSigning
from gatepost.testing import Bench, mail
from signing_kit import ANNA, SEED, SIGNED, Before, signed, write_keys

TABLES = 'signing_table = ["* t"]; key_table = ["t table.example:s:KEYS/rsa.key"]; '
CONDITION = 'sign_condition = "KEYS/rules.py:condition"; '
HEADERS = "use_http_headers = true; allow_headers_fallback = true; "
ASKS = {
    "PerformDkimSign": "1",
    "DkimDomain": "request.example",
    "DkimSelector": "s",
    "DkimPrivateKey": SEED.private_text.strip(),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize(
    "config, request_headers, expected",
    [
        (HEADERS + CONDITION + TABLES, ASKS, ["request.example:s=s"]),
        (HEADERS + CONDITION + TABLES, {}, ["cond.example:s=c"]),
        (CONDITION + TABLES, {"Force": "reject"}, ["cond.example:s=c"]),
        (TABLES, {"Force": "reject"}, []),
        (TABLES, {}, ["table.example:s=s"]),
        ("", {}, SIGNED),
        (HEADERS + "check_violation = yes;", {**ASKS, "SignOnAuthFailed": "1", "Found": "1"},
         ["request.example:s=s"]),
        (CONDITION + "check_violation = yes;", {"Found": "1"}, []),
    ],
)  # fmt: skip
async def test_each_step_beats_the_next(keys, config, request_headers, expected):
    letter = mail(**ANNA, request=request_headers)
    config = config.replace("KEYS", str(keys))
    assert await signed(letter, keys, config, modules=(DkimSigning, Before)) == expected


async def test_what_a_function_of_the_operators_raises_is_its_own_failure(tmp_path):
    (tmp_path / "bad.py").write_text("def f(task):\n    return 1 / 0\n")
    config = f'dkim_signing {{ sign_condition = "{tmp_path}/bad.py:f"; }}'
    async with Bench([DkimSigning], config=config) as bench:
        found = await bench.scan(mail(**ANNA))
    assert found.outcomes["DKIM_SIGNED"].outcome == "failed"
    assert (found.action, found.hits) == ("no action", {})
