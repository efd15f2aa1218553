# SPDX-License-Identifier: Apache-2.0
"""Where does a milter connection stand, and what has to happen now?

No I/O: ``receive`` takes one message of the MTA and gives what to do about it, or
nothing; ``finish`` takes our answers to a whole message. True at all times:

- nothing but the end of a message is answered, unless the MTA insists on answers;
- between ``ScanLetter`` or ``RefuseLetter`` and ``finish`` the MTA waits and nothing may
  be received;
- what a message brought (sender, recipients, bytes, its macros) is gone when the message
  ends, is aborted, or another MAIL begins; what the client brought goes with the client.

Source: core reference §8.1, §8.4, §8.5.
"""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from gatepost.serve.connections import ByteBudget
from gatepost.serve.milter import answers as a
from gatepost.serve.milter import messages as m
from gatepost.serve.milter.errors import MilterError
from gatepost.serve.milter.letter import Letter, Refusal
from gatepost.serve.milter.macros import Client, MacroTable, read_client, request_headers
from gatepost.serve.milter.negotiation import answered_messages, negotiate
from gatepost.serve.milter.options import MilterOptions
from gatepost.serve.reply import RequestHeaders


class Step(Enum):
    """How far a connection is."""

    NEW = auto()
    """Nothing may come but the MTA's offer."""
    OPEN = auto()
    """Clients and messages come and go."""
    WAITING = auto()
    """The MTA waits for our word on a message."""
    CLOSED = auto()


class SendBytes(msgspec.Struct, frozen=True):
    """Write this."""

    data: bytes


class ScanLetter(msgspec.Struct, frozen=True):
    """Scan this and give the answers to ``finish``."""

    headers: RequestHeaders
    body: bytes
    header_names: list[bytes]
    queue_id: str


class RefuseLetter(msgspec.Struct, frozen=True):
    """This cannot be scanned; give the answers that say so to ``finish``."""

    why: Refusal
    queue_id: str


class CloseConnection(msgspec.Struct, frozen=True):
    """Nothing more will come."""


Command = SendBytes | ScanLetter | RefuseLetter | CloseConnection

DECISIONS: frozenset[type[a.Answer]] = frozenset({a.Accept, a.Tempfail, a.ReplyCode, a.Discard})
EDITS: frozenset[type[a.Answer]] = frozenset(
    {
        a.AddHeader,
        a.InsertHeader,
        a.ChangeHeader,
        a.ChangeFrom,
        a.AddRcpt,
        a.DelRcpt,
        a.Quarantine,
    }
)
CONTINUES: frozenset[type[a.Answer]] = frozenset({a.Continue})
NONE: frozenset[type[a.Answer]] = frozenset()

ANSWERS: dict[type[m.MtaMessage], frozenset[type[a.Answer]]] = {
    m.Negotiate: frozenset({a.Negotiated}),
    m.Macros: NONE,
    m.Connect: CONTINUES,
    m.Helo: CONTINUES,
    m.Mail: CONTINUES,
    m.Rcpt: CONTINUES,
    m.Data: CONTINUES,
    m.Unknown: CONTINUES,
    m.Header: CONTINUES,
    m.EndOfHeaders: CONTINUES,
    m.Body: CONTINUES,
    m.EndOfMessage: DECISIONS | EDITS,
    m.Abort: NONE,
    m.Quit: NONE,
    m.QuitNewConnection: NONE,
}
"""What we may answer to what. Postfix and Sendmail take more before the end of a message;
we decide nothing there, because a scan needs all of it."""

CONTINUE = SendBytes(a.encode([a.Continue()]))


class Session:
    """One milter connection, from the MTA's offer to its farewell."""

    def __init__(
        self, options: MilterOptions, budget: ByteBudget, *, max_message: int, name: str = ""
    ) -> None:
        self.options = options
        self.name = name
        self.step = Step.NEW
        self.client = Client()
        self.connected = False
        self.had_client = False
        self._budget = budget
        self._max_message = max_message
        self._negotiated = a.Negotiated(0, 0, 0)
        self._answered: frozenset[type[m.MtaMessage]] = frozenset()
        self._macros = MacroTable()
        self._mail_macros = False
        self._letter: Letter | None = None

    @property
    def actions(self) -> int:
        """The edits that were negotiated."""
        return self._negotiated.actions

    @property
    def in_message(self) -> bool:
        """A message has begun and has no answer yet."""
        return self._letter is not None

    def receive(self, message: m.MtaMessage) -> Command | None:
        """What to do now. Raises ``MilterError`` for what may not come at this point."""
        kind = type(message)
        if self.step is not Step.OPEN or kind is m.Negotiate:
            self._check_step(kind)
        command = self._take(message)
        if command is None and kind in self._answered:
            return CONTINUE
        return command

    def finish(self, given: list[a.Answer]) -> bytes:
        """Our answers to the message, as bytes to write; the session is ready for the next.

        Raises ``MilterError`` when they are not what an MTA takes: edits that were
        negotiated, then one decision.
        """
        if self.step is not Step.WAITING:
            raise MilterError("no message waits for an answer")
        self._check(given)
        self.step = Step.OPEN
        self._end_message()
        return a.encode(given)

    def close(self) -> None:
        """The connection is gone: everything is forgotten."""
        self.step = Step.CLOSED
        self._end_client()

    def _check(self, given: list[a.Answer]) -> None:
        allowed = ANSWERS[m.EndOfMessage]
        for answer in given:
            if type(answer) not in allowed or answer.needs & ~self.actions:
                raise MilterError(f"{type(answer).__name__} may not be answered here")
        if [type(answer) in DECISIONS for answer in given] != [False] * (len(given) - 1) + [True]:
            raise MilterError("an answer is edits and then one decision")

    def _check_step(self, kind: type[m.MtaMessage]) -> None:
        expected = (self.step is Step.NEW) is (kind is m.Negotiate)
        if not expected or self.step not in (Step.NEW, Step.OPEN):
            raise MilterError(f"{kind.__name__} came while the session is {self.step.name.lower()}")

    def _take(self, message: m.MtaMessage) -> Command | None:
        # By isinstance, most frequent first: this runs some sixty times a message.
        if isinstance(message, m.Header):
            self._open_letter().add_header(message.name, message.value)
        elif isinstance(message, m.Macros):
            self._take_macros(message)
        elif isinstance(message, m.Body):
            self._open_letter().add_body(message.chunk)
        elif isinstance(message, m.EndOfMessage):
            return self._end_of_message(message.chunk)
        elif isinstance(message, m.Rcpt):
            self._open_letter().add_recipient(message.address, message.arguments)
        elif isinstance(message, m.Mail):
            self._begin_message().set_sender(message.address, message.arguments)
        else:
            return self._take_of_connection(message)
        return None

    def _take_of_connection(self, message: m.MtaMessage) -> Command | None:
        match message:
            case m.Negotiate():
                self._negotiated = negotiate(message)
                self._answered = answered_messages(self._negotiated)
                self.step = Step.OPEN
                return SendBytes(a.encode([self._negotiated]))
            case m.EndOfHeaders():
                self._open_letter().end_headers()
            case m.Connect():
                if self.connected:
                    self._end_client()
                self.client = read_client(message)
                self.connected = self.had_client = True
            case m.Helo(name):
                self.client.helo = name
            case m.Abort():
                self._end_message()
            case m.QuitNewConnection():
                self._end_client()
            case m.Quit():
                self.close()
                return CloseConnection()
        return None

    def _take_macros(self, macros: m.Macros) -> None:
        # The macros of a stage come before its command: what they begin, begins here.
        if macros.stage == m.Mail.code:
            self._end_message()
            self._mail_macros = True
        elif macros.stage == m.Connect.code:
            self._end_client()
        self._macros.take(macros)

    def _begin_message(self) -> Letter:
        if not self._mail_macros:
            # No macros came with this MAIL: those of the message before are not its own.
            self._end_message()
        self._mail_macros = False
        return self._open_letter()

    def _open_letter(self) -> Letter:
        if self._letter is None:
            self._letter = Letter(self._budget, self._max_message)
        return self._letter

    def _end_of_message(self, chunk: bytes) -> Command:
        letter = self._open_letter()
        letter.add_body(chunk)
        self.step = Step.WAITING
        queue_id = self._macros.find("i")
        if letter.refusal is not None:
            return RefuseLetter(letter.refusal, queue_id)
        headers = request_headers(
            self.client, letter, self._macros, self.options, session=self.name
        )
        return ScanLetter(headers, letter.take_bytes(), letter.header_names, queue_id)

    def _end_message(self) -> None:
        if self._letter is not None:
            self._letter.close()
            self._letter = None
        self._macros.end_message()
        self._mail_macros = False

    def _end_client(self) -> None:
        self._end_message()
        self._macros.end_connection()
        self.client = Client()
        self.connected = False
