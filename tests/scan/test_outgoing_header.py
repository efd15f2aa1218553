# SPDX-License-Identifier: Apache-2.0
"""A signature covers the header as the MTA will have edited it."""

from email import message_from_bytes

import dkim
import pytest

from gatepost.modules.dkim_signing import DkimSigning
from gatepost.scan.outgoing_header import outgoing_header
from gatepost.testing import mail, scan
from signing_kit import ANNA, ME, RSA, Before, dns_of, with_signatures, write_keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp("keys"))


async def test_the_signature_holds_for_the_letter_as_it_leaves(keys):
    config = f'dkim_signing {{ path = "{keys}/rsa.key"; }}'
    letter = mail(**ANNA, request={"Munge": "From"})
    found = await scan([DkimSigning, Before], letter, config=config)
    parsed = message_from_bytes(letter.raw)
    parsed.replace_header("From", f'"Anna" <{ME}>')
    sent = with_signatures(parsed.as_bytes().replace(b"\n", b"\r\n"), found.task)
    assert dkim.verify(sent, dnsfunc=dns_of(("dkim._domainkey.example.org", RSA)))


async def test_what_settings_add_and_remove_is_signed_as_it_will_be(keys):
    config = f"""dkim_signing {{ path = "{keys}/rsa.key"; }}
        settings {{ all {{ authenticated = true; apply {{
            add_headers {{ List-Unsubscribe = "<https://example.org/u>"; "bad name" = x }}
            remove_headers {{ Sender = 0 }} }} }} }}"""
    letter = mail(**ANNA, headers={"Sender": "pc@example.org"})
    found = await scan(DkimSigning, letter, config=config)
    sent = letter.raw.replace(b"Sender: pc@example.org\r\n", b"")
    sent = sent.replace(b"\r\n\r\n", b"\r\nList-Unsubscribe: <https://example.org/u>\r\n\r\n", 1)
    sent = with_signatures(sent, found.task)
    assert dkim.verify(sent, dnsfunc=dns_of(("dkim._domainkey.example.org", RSA)))
    assert "list-unsubscribe" in found.task.dkim_signatures[0]


@pytest.mark.parametrize(
    "which, left",
    [
        (0, []),
        (1, ["b", "c"]),
        (-1, ["a", "b"]),
        (4, ["a", "b", "c"]),
        (-4, ["a", "b", "c"]),
        ([1, 3], ["b"]),
        ([3, 1], ["b"]),
        ([1, -3], ["b", "c"]),
        ([-1, 2], ["a"]),
        ([2, 0], []),
        ([7, -7], ["a", "b", "c"]),
        ([], ["a", "b", "c"]),
    ],
)
async def test_which_headers_of_a_name_are_left(which, left):
    task = (await scan(Before, mail(headers={"X-N": ["a", "b", "c"]}))).task
    task.remove_header("x-n", which)
    header = outgoing_header(task)
    parsed = message_from_bytes(header if header is not None else b"")
    assert parsed.get_all("X-N", []) == left
