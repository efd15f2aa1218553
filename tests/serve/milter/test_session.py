# SPDX-License-Identifier: Apache-2.0
"""Transcripts: what the MTA says (``>``) and what the session does about it (``<``)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.serve.connections import ByteBudget
from gatepost.serve.milter import answers as a
from gatepost.serve.milter import messages as m
from gatepost.serve.milter.errors import MilterError
from gatepost.serve.milter.framing import FrameReader
from gatepost.serve.milter.options import MilterOptions
from gatepost.serve.milter.session import (
    ANSWERS,
    CloseConnection,
    RefuseLetter,
    ScanLetter,
    SendBytes,
    Session,
    Step,
)
from milter_client import frame, parse_negotiated, parse_replies

OFFER = "O|\0\0\0\6|\0\0\1\xff|\0\x1f\xff\xff"


class Conversation:
    """A session fed with bytes; notes what it does, answers each scan with ACCEPT."""

    def __init__(self, max_message=100_000, **options):
        self.budget = ByteBudget(4 * max_message)
        self.session = Session(MilterOptions(**options), self.budget, max_message=max_message)
        self.reader = FrameReader()
        self.did = []
        self.scans = []

    def feed(self, data):
        self.reader.feed(data)
        while self.session.step is not Step.CLOSED and (frame := self.reader.next()) is not None:
            self.do(self.session.receive(m.decode(frame)))
        return self

    def do(self, command):
        match command:
            case SendBytes(data) if data[4:5] == b"O":
                self.did.append(f"O {parse_negotiated(data[5:]).actions:#x}")
            case SendBytes(data):
                self.did += [str(one) for one in parse_replies(data)]
            case ScanLetter():
                self.scans.append(command)
                self.did.append("scan")
                self.session.finish([a.Accept()])
            case RefuseLetter(why):
                self.did.append(why)
                self.session.finish([a.Tempfail()])
            case CloseConnection():
                self.did.append("close")

    @property
    def last(self):
        return [(name, value) for name, value in self.scans[-1].headers if name != "Flags"]


def wire(*lines):
    """``M|<a@b>\\0`` is a frame: a code, and what follows with the bars taken out."""
    return b"".join(frame(line[0], line[1:].replace("|", "").encode("latin-1")) for line in lines)


POSTFIX = wire(
    OFFER,
    "DC|j\0mx.example.org\0{daemon_name}\0ORIGINATING\0{daemon_addr}\x00192.0.2.1\0"
    "v\0Postfix 3.7.11\0_\0client.example.org [203.0.113.7]\0{settings_id}\0outbound\0",
    "C|client.example.org\0|4|\x9c\x40|203.0.113.7\0",
    "H|client.example.org\0",
    "DH|{tls_version}\0TLSv1.3\0{cipher}\0TLS_AES_256_GCM_SHA384\0{cipher_bits}\x00256\0",
    "H|client.example.org\0",
    "DM|{auth_type}\0PLAIN\0{auth_authen}\0alice\0{mail_addr}\0alice@example.org\0"
    "{mail_host}\0example.org\0{mail_mailer}\0smtp\0",
    "M|<alice@example.org>\0SIZE=300\0",
    "DR|{rcpt_addr}\0bob@example.com\0{rcpt_host}\0example.com\0{rcpt_mailer}\0smtp\0",
    "R|<bob@example.com>\0",
    "DR|i\x004ABC\0{rcpt_addr}\0eve@example.com\0{rcpt_host}\0example.com\0{rcpt_mailer}\0smtp\0",
    "R|<eve@example.com>\0ORCPT=rfc822;eve@example.com\0",
    "DT|i\x004ABC\0",
    "T",
    "DL|i\x004ABC\0",
    "L|Received\0from client\n\tby mx;\n\ttoday\0",
    "DL|i\x004ABC\0",
    "L|Subject\0hello\0",
    "DN|i\x004ABC\0",
    "N",
    "DB|i\x004ABC\0",
    "B|one\r",
    "B|\ntwo\r\n",
    "DE|i\x004ABC\0",
    "E",
)

POSTFIX_SECOND = wire(
    "DM|{mail_addr}\0carol@example.org\0{mail_host}\0example.org\0{mail_mailer}\0smtp\0",
    "M|<carol@example.org>\0",
    "R|<bob@example.com>\0",
    "DT|i\x004DEF\0",
    "T",
    "L|Subject\0second\0",
    "N",
    "E",
    "Q",
)

POSTFIX_HEADERS = [
    ("Hostname", "client.example.org"),
    ("IP", "203.0.113.7"),
    ("Helo", "client.example.org"),
    ("Queue-Id", "4ABC"),
    ("User", "alice"),
    ("Settings-ID", "outbound"),
    ("MTA-Name", "ORIGINATING"),
    ("User-Agent", "Postfix 3.7.11"),
    ("TLS-Cipher", "TLS_AES_256_GCM_SHA384"),
    ("TLS-Version", "TLSv1.3"),
    ("Mailer", "smtp"),
    ("From", "<alice@example.org>"),
    ("X-Rspamd-Mail-Esmtp-Args", "SIZE=300"),
    ("Rcpt", "<bob@example.com>"),
    ("Rcpt", "<eve@example.com>"),
    ("X-Rspamd-Rcpt-Esmtp-Args", "1:ORCPT=rfc822;eve@example.com"),
]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_postfix_message_in_any_pieces(size):
    talk = Conversation()
    for start in range(0, len(POSTFIX), size):
        talk.feed(POSTFIX[start : start + size])
    assert talk.did == ["O 0x17d", "scan"]
    assert talk.last == POSTFIX_HEADERS
    assert talk.scans[0].body == (
        b"Received: from client\r\n\tby mx;\r\n\ttoday\r\nSubject: hello\r\n\r\none\r\ntwo\r\n"
    )
    assert talk.scans[0].queue_id == "4ABC"
    assert talk.budget.held == 0


def test_the_second_message_inherits_the_client_but_no_user():
    talk = Conversation().feed(POSTFIX).feed(POSTFIX_SECOND)
    assert talk.did == ["O 0x17d", "scan", "scan", "close"]
    second = dict(talk.last)
    assert "User" not in second and "Mailer" not in second
    assert second["Queue-Id"] == "4DEF"
    assert second["IP"] == "203.0.113.7" and second["Settings-ID"] == "outbound"
    assert second["From"] == "<carol@example.org>" and second["Rcpt"] == "<bob@example.com>"
    assert talk.scans[1].body == b"Subject: second\r\n\r\n"


def test_sendmail_message():
    talk = Conversation().feed(
        wire(
            OFFER,
            "DC|j\0mx.example.org\0_\0h [203.0.113.7]\0{daemon_name}\0MSA\0{if_name}\0mx\0",
            "C|h\0|4|\0\x19|203.0.113.7\0",
            "H|h\0",
            "DM|i\x006AOxyz\0{auth_type}\0LOGIN\0{auth_authen}\0alice\0{auth_ssf}\x000\0",
            "M|<>\0",
            "R|<bob@example.com>\0",
            "T",
            "L|From\0a\0",
            "N",
            "B|x\r\n",
            "DE|{msg_id}\0<1@x>\0",
            "E",
            "Q",
        )
    )
    assert talk.did == ["O 0x17d", "scan", "close"]
    found = dict(talk.last)
    assert found["From"] == "<>" and found["User"] == "alice" and found["Queue-Id"] == "6AOxyz"
    assert found["MTA-Name"] == "MSA"


def test_postfix_sendmail_command():
    talk = Conversation().feed(
        wire(
            OFFER,
            "C|localhost\0|4|\0\0|127.0.0.1\0",
            "H|localhost\0",
            "DM|i\x004XYZ\0",
            "M|root@example.org\0",
            "R|bob@example.com\0",
            "L|From\0root\0",
            "N",
            "E",
        )
    )
    assert talk.last == [
        ("Hostname", "localhost"),
        ("IP", "127.0.0.1"),
        ("Helo", "localhost"),
        ("Queue-Id", "4XYZ"),
        ("From", "<root@example.org>"),
        ("Rcpt", "<bob@example.com>"),
    ]


def test_an_old_mta_gets_continue_for_everything_but_macros_and_abort():
    talk = Conversation().feed(
        wire(
            "O|\0\0\0\2|\0\0\0\x3f|\0\0\0\x7f",
            "DC|j\0mx\0",
            "C|h\0|4|\0\x19|203.0.113.7\0",
            "H|h\0",
            "M|<a@b>\0",
            "R|<c@d>\0",
            "A",
            "M|<a@b>\0",
            "R|<c@d>\0",
            "T",
            "L|Subject\0x\0",
            "N",
            "B|x",
            "U|FOO\0",
            "E",
            "Q",
        )
    )
    assert talk.did == ["O 0x3d", *["c"] * 11, "scan", "close"]


def test_abort_forgets_the_message_and_its_user():
    talk = Conversation().feed(
        wire(
            OFFER,
            "DM|{auth_authen}\0alice\0",
            "M|<alice@example.org>\0",
            "R|<x@example.com>\0",
            "L|Subject\0first\0",
            "A",
            "M|<bob@example.org>\0",
            "R|<y@example.com>\0",
            "L|Subject\0second\0",
            "E",
        )
    )
    assert talk.last == [("From", "<bob@example.org>"), ("Rcpt", "<y@example.com>")]
    assert talk.scans[0].body == b"Subject: second\r\n\r\n"


def test_a_new_mail_without_abort_begins_anew():
    talk = Conversation().feed(
        wire(
            OFFER,
            "DM|{auth_authen}\0alice\0",
            "M|<alice@example.org>\0",
            "R|<x@example.com>\0",
            "M|<bob@example.org>\0",
            "R|<y@example.com>\0",
            "E",
        )
    )
    assert talk.last == [("From", "<bob@example.org>"), ("Rcpt", "<y@example.com>")]


def test_another_client_over_the_same_connection_inherits_nothing():
    talk = (
        Conversation()
        .feed(POSTFIX)
        .feed(wire("K", "C|unknown\0|U", "M|<a@b>\0", "R|<c@d>\0", "B|x", "E"))
    )
    assert talk.last == [("From", "<a@b>"), ("Rcpt", "<c@d>")]


def test_a_connect_without_farewell_begins_anew():
    talk = (
        Conversation().feed(POSTFIX).feed(wire("DC|j\0other\0", "C|unknown\0|U", "M|<a@b>\0", "E"))
    )
    assert talk.last == [("MTA-Name", "other"), ("From", "<a@b>")]


def test_smtputf8_addresses_arrive_as_they_are():
    talk = Conversation().feed(wire(OFFER))
    talk.feed(m.encode(m.Mail("<jürg@bücher.example>", ("SMTPUTF8", "BODY=8BITMIME"))))
    talk.feed(wire("E"))
    assert talk.last == [
        ("From", "<jürg@bücher.example>"),
        ("X-Rspamd-Mail-Esmtp-Args", "SMTPUTF8"),
        ("X-Rspamd-Mail-Esmtp-Args", "BODY=8BITMIME"),
    ]


def test_an_empty_message_is_scanned():
    talk = Conversation().feed(wire(OFFER, "M|<a@b>\0", "R|<c@d>\0", "T", "N", "E"))
    assert talk.did == ["O 0x17d", "scan"]
    assert talk.scans[0].body == b""


def test_a_message_beyond_the_limit_is_refused_and_the_next_one_is_scanned():
    talk = Conversation(max_message=1000).feed(wire(OFFER, "M|<a@b>\0", "N"))
    for _ in range(100):
        talk.feed(wire("B" + "x" * 100))
        assert talk.budget.held <= 1000 + 10
    talk.feed(wire("E", "M|<a@b>\0", "B|x", "E"))
    assert talk.did == ["O 0x17d", "oversize", "scan"]


@pytest.mark.parametrize(
    "lines",
    [
        ["H|early\0"],
        ["E"],
        [OFFER, OFFER],
        [OFFER, "?"],
        ["O|\0\0\0\1|\0\0\0\0|\0\0\0\0"],
        ["O|\0\0\0\6"],
    ],
)
def test_what_may_not_come_is_an_error(lines):
    with pytest.raises(MilterError):
        Conversation().feed(wire(*lines))


@pytest.mark.parametrize(
    "given_answers",
    [
        [],
        [a.Continue()],
        [a.Accept(), a.Accept()],
        [a.Accept(), a.AddHeader("X", "1")],
        [a.AddHeader("X", "1")],
        [a.ChangeHeader(1, "X", "1"), a.Accept()],
    ],
)
def test_finish_takes_only_what_an_mta_takes(given_answers):
    session = Session(MilterOptions(), ByteBudget(1000), max_message=1000)
    session.receive(m.Negotiate(6, a.ADD_HEADERS, 0))
    session.receive(m.EndOfMessage())
    with pytest.raises(MilterError):
        session.finish(given_answers)
    assert session.finish([a.AddHeader("X", "1"), a.Accept()]).endswith(b"a")
    with pytest.raises(MilterError):
        session.finish([a.Accept()])


def test_nothing_is_received_while_the_mta_waits():
    session = Session(MilterOptions(), ByteBudget(1000), max_message=1000)
    session.receive(m.Negotiate(6, 0, 0))
    session.receive(m.EndOfMessage())
    with pytest.raises(MilterError):
        session.receive(m.Abort())


def test_every_message_has_its_answers():
    assert {kind.code[0] for kind in ANSWERS} == set(m.DECODERS)


FRAMES = st.tuples(
    st.sampled_from("ABCDEHKLMNORTUQ?"),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"a\0b\0", b"Mi\0x\0", b"h\x004\0\x19::1\0", b"\0\0\0\6" * 3]),
    ),
)


@given(st.lists(FRAMES, max_size=40))
@settings(max_examples=300, deadline=None)
def test_random_frames_end_in_a_milter_error_at_worst_and_hold_little(frames):
    talk = Conversation(max_message=200).feed(wire(OFFER))
    for code, payload in frames:
        try:
            talk.feed(frame(code, payload))
        except MilterError:
            talk.session.close()
        assert talk.budget.held <= 800
        if talk.session.step is Step.CLOSED:
            break
    talk.session.close()
    assert talk.budget.held == 0
