# SPDX-License-Identifier: Apache-2.0
import pytest

from gatepost.serve.connections import ByteBudget
from gatepost.serve.milter.letter import Letter
from gatepost.serve.milter.macros import Client, MacroTable, read_client, request_headers
from gatepost.serve.milter.messages import Connect, Macros
from gatepost.serve.milter.options import MilterOptions

PEOPLE = {"cert_issuer": "Our CA", "cert_subject": "alice"}


def pairs(values):
    return b"".join(f"{{{k}}}".encode() + b"\0" + v.encode() + b"\0" for k, v in values.items())


def table(**stages):
    macros = MacroTable()
    for stage, values in stages.items():
        macros.take(Macros(stage.encode(), pairs(values)))
    return macros


def letter(sender="<a@example.org>", arguments=(), recipients=()):
    new = Letter(ByteBudget(10_000), 10_000)
    if sender is not None:
        new.set_sender(sender, arguments)
    for address, its_arguments in recipients:
        new.add_recipient(address, its_arguments)
    return new


def headers(macros=None, *, client=None, mail=None, session="", **options):
    found = request_headers(
        client or Client(),
        mail or letter(None),
        macros or MacroTable(),
        MilterOptions(**options),
        session=session,
    )
    assert found[0] == ("Flags", "milter,body_block")
    return found[1:]


@pytest.mark.parametrize(
    "stages, expected",
    [
        ({"M": {"auth_authen": "alice"}}, [("User", "alice")]),
        ({"M": {"auth_authen": ""}}, []),
        ({"C": {"auth_authen": "alice"}}, []),
        ({"M": {"auth_author": "alice", "auth_type": "x"}}, []),
        ({"M": {"i": "1"}, "T": {"i": "2"}}, [("Queue-Id", "2")]),
        ({"C": {"daemon_name": "ORIGINATING", "j": "mx"}}, [("MTA-Name", "ORIGINATING")]),
        ({"C": {"daemon_name": "", "j": "mx.example.org"}}, [("MTA-Name", "mx.example.org")]),
        ({"C": {"v": "Postfix 3.7.11"}}, [("User-Agent", "Postfix 3.7.11")]),
        ({"C": {"settings_id": "outbound"}}, [("Settings-ID", "outbound")]),
        ({"M": {"settings_id": "outbound"}}, [("Settings-ID", "outbound")]),
        ({"C": {"client_name": "a.example"}}, [("Hostname", "a.example")]),
        ({"C": {"client_name": "unknown"}}, []),
        (
            {"H": {"cipher": "AES", "tls_version": "TLSv1.3", "cert_issuer": "CA"}},
            [("TLS-Cipher", "AES"), ("TLS-Version", "TLSv1.3"), ("TLS-Cert-Issuer", "CA")],
        ),
        ({"R": {"rcpt_mailer": "smtp", "rcpt_addr": "x", "rcpt_host": "y"}}, [("Mailer", "smtp")]),
        ({"C": {"client_addr": "192.0.2.1", "_": "x", "if_name": "eth0"}}, []),
    ],
)
def test_each_macro_becomes_its_request_header(stages, expected):
    assert headers(table(**stages)) == expected


@pytest.mark.parametrize(
    "stages, ca, user",
    [
        ({"H": PEOPLE}, "Our CA", "alice"),
        ({"H": PEOPLE}, "", None),
        ({"H": PEOPLE}, "Other CA", None),
        ({"H": {**PEOPLE, "verify": "OK"}}, "Our CA", "alice"),
        ({"H": {**PEOPLE, "verify": "FAIL"}}, "Our CA", None),
        ({"H": PEOPLE, "M": {"auth_authen": "bob"}}, "Our CA", "bob"),
        ({"H": {"cert_subject": "alice"}}, "", None),
    ],
)
def test_a_client_certificate_logs_in_only_under_the_configured_issuer(stages, ca, user):
    assert dict(headers(table(**stages), client_ca_name=ca)).get("User") == user


def test_macros_of_a_message_end_with_it_and_those_of_the_connection_stay():
    macros = table(C={"j": "mx"}, H={"cipher": "AES"}, M={"auth_authen": "alice", "i": "1"})
    macros.end_message()
    assert headers(macros) == [("MTA-Name", "mx"), ("TLS-Cipher", "AES")]
    macros.take(Macros(b"M", pairs({"auth_authen": "alice", "i": "1"})))
    assert ("User", "alice") in headers(macros)
    macros.end_connection()
    assert headers(macros) == []


def test_helo_macros_are_replaced_after_starttls():
    macros = table(H={"cipher": "", "x": "1"})
    macros.take(Macros(b"H", pairs({"cipher": "AES"})))
    assert headers(macros) == [("TLS-Cipher", "AES")]
    assert macros.find("x") == ""


@pytest.mark.parametrize(
    "connect, hostname, address",
    [
        (Connect("mail.example.org", "4", 25, "203.0.113.7"), "mail.example.org", "203.0.113.7"),
        (Connect("unknown", "4", 25, "203.0.113.7"), "", "203.0.113.7"),
        (Connect("h", "6", 25, "IPv6:2001:db8::7"), "h", "2001:db8::7"),
        (Connect("h", "6", 25, "2001:db8::7"), "h", "2001:db8::7"),
        (Connect("localhost", "L", 0, "/run/smtp.sock"), "localhost", "/run/smtp.sock"),
        (Connect("unknown", "U"), "", ""),
        (Connect("unknown", "4", 0, "unknown"), "", ""),
    ],
)
def test_the_client_is_read_from_connect(connect, hostname, address):
    assert read_client(connect) == Client(hostname=hostname, address=address)


def test_client_and_envelope():
    client = Client(hostname="h.example", address="203.0.113.7", helo="h")
    mail = letter(
        "<alice@example.org>",
        ("SIZE=100", "BODY=8BITMIME"),
        [("<bob@example.com>", ("NOTIFY=NEVER",)), ('<"a,b"@example.com>', ())],
    )
    assert headers(client=client, mail=mail) == [
        ("Hostname", "h.example"),
        ("IP", "203.0.113.7"),
        ("Helo", "h"),
        ("From", "<alice@example.org>"),
        ("X-Rspamd-Mail-Esmtp-Args", "SIZE=100"),
        ("X-Rspamd-Mail-Esmtp-Args", "BODY=8BITMIME"),
        ("Rcpt", "<bob@example.com>"),
        ("X-Rspamd-Rcpt-Esmtp-Args", "0:NOTIFY=NEVER"),
        ("Rcpt", '<"a,b"@example.com>'),
    ]


@pytest.mark.parametrize(
    "sender, seen",
    [("<>", "<>"), ("", "<>"), ("alice@example.org", "<alice@example.org>"), ("<é@é>", "<é@é>")],
)
def test_senders_with_and_without_brackets(sender, seen):
    assert headers(mail=letter(sender)) == [("From", seen)]


@pytest.mark.parametrize("kind, tag", [("session", "00000a"), ("queue_id", "4ABC"), ("none", None)])
def test_log_tag(kind, tag):
    found = headers(table(M={"i": "4ABC"}), session="00000a", log_tag_type=kind)
    assert dict(found).get("Log-Tag") == tag
