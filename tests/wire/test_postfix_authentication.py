# SPDX-License-Identifier: Apache-2.0
"""Signatures and seals as a real Postfix delivers them: are they in order, and do they hold?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import dkim
import pytest

from arc_kit import add_set
from authn_dkim import RSA, Zone, record_of
from gatepost.authn import Letter, parse_authentication_results, seal_arc, verify_arc
from gatepost_server import run_gatepost
from letters import letter
from servers_opendkim import verify_with_opendkim
from servers_postfix import PostfixServer, needs_postfix, run_postfix
from signing_keys import make_signing_keys

pytestmark = needs_postfix

ALICE = "alice@example.org"
PUBLIC = "203.0.113.7"
SET = ["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"]
LIST_KEY = ("s._domainkey.list.example", record_of(RSA).decode())
NOTHING = ["list.example", "_dmarc.far.example", "example.org", "_dmarc.example.org"]
CONFIG = {
    "local.d/milter_headers.conf": """
        use = ["authentication-results"];
        authenticated_headers = ["authentication-results"];
        local_headers = ["authentication-results"];
        routines { authentication-results { authserv_id = "mx.example.org"; } }
    """,
    "local.d/settings.conf": """
        edited {
          header { Subject = "/^edit me/"; }
          apply {
            add_headers {
              List-Unsubscribe = "<https://example.org/u>";
              Reply-To { value = "desk@example.org"; order = 1; }
            }
            remove_headers { Sender = 0; X-Internal = [1, -1]; }
          }
        }
    """,
}


@dataclass
class House:
    """The running pair and the public keys of its signatures, as the DNS has them."""

    postfix: PostfixServer
    records: dict[str, str]

    def find_key(self, name: bytes, timeout: int = 5) -> bytes | None:
        """The DNS, as dkimpy asks it."""
        found = self.records.get(name.decode().rstrip("."))
        return None if found is None else found.encode()

    def chain(self, content: bytes) -> tuple[str, int]:
        """What dkimpy finds of the seals, and how many sets there are."""
        status, sets, _ = dkim.arc_verify(content, dnsfunc=self.find_key)
        return (status or dkim.CV_Fail).decode(), len(sets)

    def signatures(self, content: bytes) -> list[bool]:
        """What dkimpy finds of each signature, from the top."""
        count = len(message_from_bytes(content).get_all("DKIM-Signature", []))
        return [self.holds(content, at) for at in range(count)]

    def holds(self, content: bytes, at: int) -> bool:
        try:
            return dkim.DKIM(content).verify(idx=at, dnsfunc=self.find_key)
        except dkim.ValidationError:
            return False


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("house")
    signing, records = make_signing_keys(folder, ["rsa", "ed"])
    records |= dict([LIST_KEY])
    faked = [
        f'{{ name = "{name}"; type = txt; replies = ["{text}"]; }}'
        for name, text in records.items()
    ]
    faked += [f'{{ name = "{name}"; type = txt; rcode = nxdomain; }}' for name in NOTHING]
    files = CONFIG | {
        "local.d/dkim_signing.conf": signing,
        "local.d/arc.conf": f"""
            sign_inbound = true;
            domain {{ example.org {{ selector = "rsa"; path = "{folder}/rsa.key"; }} }}
        """,
        "override.d/options.inc": f"dns {{ fake_records = [ {', '.join(faked)} ]; }}\n",
    }
    with ExitStack() as stack:
        gatepost = stack.enter_context(run_gatepost(folder, files))
        postfix = stack.enter_context(run_postfix(gatepost.smtpd_milters, users=[ALICE]))
        yield House(postfix, records)


def submit(house: House, message: bytes, recipient: str = "bob@example.com") -> bytes:
    """What is delivered of a letter of Alice's."""
    with house.postfix.submission(ALICE) as client:
        client.sendmail(ALICE, [recipient], message)
    return house.postfix.sink.next().content


def receive(house: House, message: bytes) -> bytes:
    """What is delivered of a letter from outside."""
    with house.postfix.inbound(PUBLIC) as client:
        client.sendmail("list@list.example", [ALICE], message)
    return house.postfix.sink.next().content


def parsed(content: bytes) -> Message:
    return message_from_bytes(content)


def of_authentication(content: bytes) -> list[str]:
    """The names of the fields that speak of authentication, from the top."""
    wanted = {*SET, "DKIM-Signature", "Authentication-Results"}
    return [name for name in parsed(content).keys() if name in wanted]  # noqa: SIM118


def sealed_results(content: bytes) -> dict[str, str]:
    """What our topmost set says was found."""
    text = parsed(content)["ARC-Authentication-Results"]
    return {one.method: one.result for one in parse_authentication_results(text.encode()).results}


def through_a_list(message: bytes) -> bytes:
    """A letter that a mailing list has sealed."""
    parsed = Letter.from_bytes(message)
    now = time.time()
    chain = asyncio.run(verify_arc(parsed, Zone(), now=now))
    new = seal_arc(
        parsed,
        RSA,
        "list.example",
        "s",
        chain=chain,
        results="mx.list.example; dkim=pass header.d=far.example",
        now=now,
    )
    assert new is not None
    return add_set(message, new.seal, new.message, new.results)


LETTERS = {
    "plain": letter(),
    "8 bit": letter("Grüße"),
    "no text": letter(""),
    "blanks at the end": letter("ends in blanks  \r\n\r\n\r\n"),
    "folded": letter(subject="one that is\r\n folded,\r\n\ttwice, and  has  blanks "),
    "many fields": letter(headers=[("Cc", ALICE), ("Reply-To", "x@example.net")] * 3),
    "long": letter("\r\n".join(f"{number:071}" for number in range(4000))),
}


@pytest.mark.parametrize("name", LETTERS)
def test_a_users_letter_is_signed_and_sealed_in_order(house: House, name: str) -> None:
    content = submit(house, LETTERS[name])
    assert content.endswith(LETTERS[name])
    assert of_authentication(content) == [
        "DKIM-Signature",
        "DKIM-Signature",
        *SET,
        "Authentication-Results",
    ]
    assert house.signatures(content) == [True, True]
    assert house.chain(content) == ("pass", 1)
    assert sealed_results(content) == {"auth": "pass"}


def test_opendkim_finds_the_signature_beside_a_seal_good(house: House, tmp_path: Path) -> None:
    content = submit(house, letter())
    found = verify_with_opendkim(tmp_path, content, house.records)
    assert found["rsa"] == "succeeded"


def test_a_letter_through_a_list_is_sealed_on_top_of_it(house: House) -> None:
    content = receive(house, through_a_list(letter(sender="carol@far.example")))
    assert of_authentication(content) == [*SET, "Authentication-Results", *SET]
    assert house.chain(content) == ("pass", 2)
    assert parsed(content)["ARC-Seal"].startswith("i=2; a=rsa-sha256; d=example.org;")
    assert "cv=pass" in parsed(content)["ARC-Seal"]
    assert sealed_results(content)["arc"] == "pass"


def test_a_letter_that_a_list_changed_after_its_seal_is_sealed_as_broken(house: House) -> None:
    sent = through_a_list(letter(sender="carol@far.example")) + b"-- \r\nfooter\r\n"
    content = receive(house, sent)
    assert "cv=fail" in parsed(content)["ARC-Seal"]
    assert house.chain(content)[0] == "fail"


@pytest.mark.parametrize("again", [submit, receive])
@pytest.mark.parametrize("on_the_way", [b"", b"X-Filter: seen\r\n"])
def test_what_comes_back_is_neither_signed_nor_sealed_twice(house, again, on_the_way) -> None:
    first = submit(house, letter())
    content = again(house, on_the_way + first)
    names = [name for name in of_authentication(content) if name != "Authentication-Results"]
    assert names == ["DKIM-Signature", "DKIM-Signature", *SET]
    assert house.signatures(content) == [True, True]
    assert house.chain(content) == ("pass", 1)


def test_what_was_changed_on_its_way_back_is_signed_anew(house: House) -> None:
    first = submit(house, letter())
    content = submit(house, first + b"-- \r\nour footer\r\n")
    assert house.signatures(content) == [True, True, False, False]


def test_what_settings_add_and_remove_is_signed_as_it_leaves(house: House) -> None:
    inner = [("X-Internal", text) for text in ("first", "second", "third")]
    sent = letter(subject="edit me", headers=[("Sender", "pc@example.org"), *inner])
    content = submit(house, sent)
    assert parsed(content)["List-Unsubscribe"] == "<https://example.org/u>"
    assert (parsed(content)["Sender"], parsed(content)["Reply-To"]) == (None, "desk@example.org")
    assert parsed(content).get_all("X-Internal") == ["second"]
    assert house.signatures(content) == [True, True]
    assert house.chain(content) == ("pass", 1)
