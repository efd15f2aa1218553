# SPDX-License-Identifier: Apache-2.0
"""Letters through a real Postfix: what its client is told, and the bytes that leave it."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.header import decode_header, make_header
from pathlib import Path

import dkim
import pytest

from gatepost_server import run_gatepost
from letters import ADD_HEADER, GTUBE, REWRITE_SUBJECT, letter
from servers_opendkim import verify_with_opendkim
from servers_postfix import PostfixServer, needs_postfix, run_postfix
from servers_redis import find_free_port
from signing_keys import make_signing_keys

pytestmark = needs_postfix

USERS = [f"{name}@example.org" for name in ("alice", "carol", "dora", "fred", "gina")]
LIMIT = 10
PUBLIC = "203.0.113.7"

CONFIG = {
    "local.d/options.inc": "gtube_patterns = all;",
    "local.d/ratelimit.conf": f"""
        rates {{ user = {{ bucket = {{ burst = {LIMIT}; rate = "{LIMIT} / 1d"; }} }} }}
        whitelisted_user = ["alice@example.org"];
    """,
    # An id from the listener or a macro chooses "outbound"; the daemon's name another rule.
    "local.d/settings.conf": """
        outbound_scan {
          id = "outbound";
          apply {
            groups_enabled = ["dkim", "ratelimit", "fuzzy", "neural"];
            actions { reject = 15.0; "add header" = 6.0; }
            add_headers { X-Chosen = "by id"; }
          }
        }
        originating {
          priority = high;
          request_header { "MTA-Name" = "/^ORIGINATING$/"; }
          apply { add_headers { X-Chosen = "by name"; } }
        }
        suspicious {
          priority = high;
          header { Subject = "/^hold me/"; }
          apply { symbols = ["WIRE_NINE"]; actions { quarantine = 9; } }
        }
        worded {
          priority = high;
          header { Subject = "/^in other words/"; }
          apply { messages { smtp_message = "100% spam, see 5% below"; } }
        }
    """,
    "local.d/groups.conf": 'group "wire" { symbols { WIRE_NINE { weight = 9.0; } } }',
}


@dataclass
class House:
    """The running pair and the public keys of its signatures, as DNS has them."""

    postfix: PostfixServer
    keys: dict[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    second = f"127.0.0.1:{find_free_port()}"
    signing, keys = make_signing_keys(folder, ["rsa", "ed"])
    files = CONFIG | {
        "local.d/dkim_signing.conf": signing,
        "rspamd.conf.local": f"""
            worker "rspamd_proxy" {{
              bind_socket = "{second}";
              upstream "second" {{ default = true; self_scan = true; settings_id = "outbound"; }}
            }}
        """,
    }
    listeners = {
        "daemon_name": {"milter_macro_daemon_name": "ORIGINATING"},
        "macro": {"milter_macro_defaults": "settings_id=outbound"},
        "second_port": {"smtpd_milters": f"inet:{second}"},
        "nobody_there": {"smtpd_milters": f"inet:127.0.0.1:{find_free_port()}"},
    }
    with ExitStack() as stack:
        gatepost = stack.enter_context(run_gatepost(folder, files))
        postfix = run_postfix(gatepost.smtpd_milters, users=USERS, listeners=listeners)
        yield House(stack.enter_context(postfix), keys)


@pytest.fixture(autouse=True)
def nothing_is_left_over(house: House) -> Iterator[None]:
    yield
    left = [message.header("Subject") for message in house.postfix.sink.all()]
    assert left == [], "more was delivered than the test took"


def _submit(
    house: House, message: bytes, user: str = "alice@example.org", listener: str = "submission"
) -> None:
    with house.postfix.submission(user, listener) as client:
        client.sendmail(user, ["bob@example.com"], message)


def _receive(house: House, message: bytes, ip: str = PUBLIC) -> None:
    with house.postfix.inbound(ip) as client:
        client.sendmail("eve@example.net", ["alice@example.org"], message)


def _refusal(house: House, message: bytes, **given: str) -> tuple[int, str]:
    with pytest.raises(smtplib.SMTPDataError) as raised:
        _submit(house, message, **given)
    assert isinstance(raised.value.smtp_error, bytes)
    return raised.value.smtp_code, raised.value.smtp_error.decode()


def test_a_letter_of_a_user_arrives_unchanged_but_for_its_signatures(house: House) -> None:
    sent = letter(".a dot\r\n\r\nGrüße, and two  blanks \r\n")
    _submit(house, sent)
    delivered = house.postfix.sink.next()
    assert (delivered.sender, delivered.recipients) == ("alice@example.org", ("bob@example.com",))
    assert delivered.content.endswith(sent)
    added = delivered.content.removesuffix(sent).decode()
    names = [line.split(":")[0] for line in added.splitlines() if line[0] not in " \t"]
    assert names == ["Received", "DKIM-Signature", "DKIM-Signature"]


def test_a_letter_of_many_milter_chunks_arrives_unchanged(house: House) -> None:
    sent = letter("\r\n".join(f"{number:071}" for number in range(4000)))
    _submit(house, sent)
    assert house.postfix.sink.next().content.endswith(sent)


@pytest.mark.parametrize(
    "message",
    [
        letter(),
        letter("Grüße"),
        letter(""),
        letter("ends in blanks  \r\n\r\n\r\n"),
        letter(subject="one that is\r\n folded,\r\n\ttwice, and  has  blanks "),
        letter(headers=[("Cc", "carol@example.org"), ("Reply-To", "x@example.net")]),
    ],
    ids=["plain", "8 bit", "no text", "blanks at the end", "folded subject", "more headers"],
)
def test_dkimpy_verifies_both_signatures(house: House, message: bytes) -> None:
    _submit(house, message)
    content = house.postfix.sink.next().content
    records = {f"{name}.".encode(): value.encode() for name, value in house.keys.items()}
    verifier = dkim.DKIM(content)
    verdicts = [verifier.verify(idx=n, dnsfunc=lambda name, **_: records[name]) for n in range(2)]
    assert verdicts == [True, True]


def test_opendkim_verifies_both_signatures(house: House, tmp_path: Path) -> None:
    _submit(house, letter())
    verdicts = verify_with_opendkim(tmp_path, house.postfix.sink.next().content, house.keys)
    assert verdicts == {"rsa": "succeeded", "ed": "succeeded"}


def test_gtube_is_refused_at_smtp_time(house: House) -> None:
    assert _refusal(house, letter(GTUBE)) == (554, "5.7.1 Gtube pattern")


def test_a_percent_sign_reaches_the_client_as_one(house: House) -> None:
    answer = _refusal(house, letter(GTUBE, subject="in other words"))
    assert answer == (554, "5.7.1 100% spam, see 5% below")


def test_gtube_from_outside_is_refused_too(house: House) -> None:
    with pytest.raises(smtplib.SMTPDataError, match=r"554.*5\.7\.1 Gtube pattern"):
        _receive(house, letter(GTUBE))


@pytest.mark.slow
def test_the_message_after_the_limit_is_told_to_try_again(house: House) -> None:
    for _ in range(LIMIT):
        _submit(house, letter(), user="fred@example.org")
        house.postfix.sink.next()
    answer = _refusal(house, letter(), user="fred@example.org")
    assert answer == (451, '4.7.1 Ratelimit "user" exceeded')


@pytest.mark.slow
def test_the_limit_holds_under_settings_that_enable_its_group(house: House) -> None:
    for _ in range(LIMIT):
        _submit(house, letter(), user="gina@example.org", listener="macro")
        house.postfix.sink.next()
    answer = _refusal(house, letter(), user="gina@example.org", listener="macro")
    assert answer == (451, '4.7.1 Ratelimit "user" exceeded')


@pytest.mark.slow
def test_the_limit_is_each_users_own(house: House) -> None:
    for user in ("carol@example.org", "dora@example.org"):
        for _ in range(LIMIT // 2 + 1):
            _submit(house, letter(), user=user)
            house.postfix.sink.next()


@pytest.mark.slow
def test_mail_from_outside_is_neither_signed_nor_limited(house: House) -> None:
    for _ in range(LIMIT + 2):
        _receive(house, letter())
        delivered = house.postfix.sink.next()
        assert delivered.recipients == ("alice@example.org",)
        assert delivered.header("DKIM-Signature") == []


def test_mail_from_our_own_network_is_signed_without_log_in(house: House) -> None:
    with house.postfix.inbound("10.0.0.5") as client:
        client.sendmail("alice@example.org", ["carol@example.org"], letter())
    assert len(house.postfix.sink.next().header("DKIM-Signature")) == 2


def test_a_user_is_not_inherited_by_the_next_client(house: House) -> None:
    _submit(house, letter())
    assert house.postfix.sink.next().header("DKIM-Signature")
    _receive(house, letter())
    assert house.postfix.sink.next().header("DKIM-Signature") == []


@pytest.mark.parametrize(
    ("listener", "chosen"),
    [
        ("submission", []),
        ("daemon_name", ["by name"]),
        ("macro", ["by id"]),
        ("second_port", ["by id"]),
    ],
)
def test_a_listener_chooses_its_settings(house: House, listener: str, chosen: list[str]) -> None:
    _submit(house, letter(), listener=listener)
    delivered = house.postfix.sink.next()
    assert delivered.header("X-Chosen") == chosen
    assert len(delivered.header("DKIM-Signature")) == 2, "these settings leave signing on"


def test_the_id_holds_for_every_message_of_a_connection(house: House) -> None:
    with house.postfix.submission("alice@example.org", "macro") as client:
        for _ in range(3):
            client.sendmail("alice@example.org", ["bob@example.com"], letter())
            assert house.postfix.sink.next().header("X-Chosen") == ["by id"]


def test_mail_of_the_command_sendmail_is_signed(house: House) -> None:
    house.postfix.sendmail(
        "alice@example.org", ["bob@example.com"], letter().replace(b"\r\n", b"\n")
    )
    delivered = house.postfix.sink.next()
    assert delivered.sender == "alice@example.org"
    assert len(delivered.header("DKIM-Signature")) == 2


def test_a_subject_is_rewritten_in_its_place(house: House) -> None:
    _submit(house, letter(REWRITE_SUBJECT, subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?="))
    (subject,) = house.postfix.sink.next().header("Subject")
    assert str(make_header(decode_header(subject))) == "*** SPAM *** Grüße"


def test_spam_is_marked_and_a_mark_from_outside_is_replaced(house: House) -> None:
    _submit(house, letter(ADD_HEADER, headers=[("X-Spam", "No, trust me")]))
    assert house.postfix.sink.next().header("X-Spam") == ["Yes"]


def test_quarantined_mail_waits_in_the_hold_queue(house: House) -> None:
    _submit(house, letter(subject="hold me"))
    house.postfix.process.wait_for("milter-hold")
    held = [one for one in house.postfix.queue() if one["queue_name"] == "hold"]
    assert [one["sender"] for one in held] == ["alice@example.org"]


def test_mail_waits_at_its_sender_while_nobody_listens(house: House) -> None:
    with pytest.raises(smtplib.SMTPResponseException) as raised:
        _submit(house, letter(), listener="nobody_there")
    assert raised.value.smtp_code // 100 == 4
