# SPDX-License-Identifier: Apache-2.0
"""The next hop: an SMTP server that takes every message and keeps its exact bytes.

with SmtpSink() as sink:
    ...                                 # an MTA with relayhost = sink.address
    delivered = sink.next()             # Delivered(sender, recipients, content)

``replies`` make it say no: ``{"RCPT b@x.example": "550 5.1.1 unknown", "DATA": "451 4.3.0 busy"}``.
"""

from __future__ import annotations

import queue
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

WAIT = 30.0
"""Seconds after which a message that was to come is missed; an MTA takes some 50 ms."""


@dataclass(frozen=True)
class Delivered:
    """A message as it went over the wire: CRLF line ends, dots unstuffed."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    def header(self, name: str) -> list[str]:
        """The values of a header, top first, unfolded and stripped."""
        head = self.content.partition(b"\r\n\r\n")[0].decode("latin-1")
        fields = head.replace("\r\n ", " ").replace("\r\n\t", "\t").split("\r\n")
        pairs = (field.partition(":") for field in fields)
        return [value.strip() for key, _, value in pairs if key.lower() == name.lower()]


class SmtpSink:
    """Listens on a free loopback port from ``with`` to its end."""

    def __init__(self, replies: Mapping[str, str] | None = None) -> None:
        """``replies``: to a verb, or a verb with its address; an empty one closes the connection.
        They may be changed while it runs."""
        self._messages: queue.Queue[Delivered] = queue.Queue()
        self.replies = dict(replies or {})
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.messages = self._messages
        self._server.replies = self.replies
        self._server.arrived = lambda _: None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def when_delivered(self, action: Callable[[Delivered], None]) -> None:
        """Has ``action`` done when a message is kept and its sender does not know it yet."""
        self._server.arrived = action

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        port: int = self._server.server_address[1]
        return port

    @property
    def sessions(self) -> int:
        """How many connections there were."""
        return self._server.sessions

    @property
    def address(self) -> str:
        """As one writes it into ``relayhost``."""
        return f"[127.0.0.1]:{self.port}"

    def next(self) -> Delivered:
        """The next message, waiting for it; ``AssertionError`` when none comes."""
        try:
            return self._messages.get(timeout=WAIT)
        except queue.Empty:
            raise AssertionError(f"no message was delivered within {WAIT:.0f} s") from None

    def all(self) -> list[Delivered]:
        """What has come and was not yet taken, without waiting."""
        taken = []
        while not self._messages.empty():
            taken.append(self._messages.get_nowait())
        return taken

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    # An MTA keeps its connections for a while: closing must not wait for them.
    block_on_close = False
    request_queue_size = 64
    messages: queue.Queue[Delivered]
    replies: dict[str, str]
    arrived: Callable[[Delivered], None]
    sessions = 0


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._sender, self._recipients = "", list[str]()
        self.server.sessions += 1
        self._say("220 sink.test ESMTP")
        for line in self.rfile:
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 2.0.0 bye")
                return
            told = self._told(verb.upper(), rest)
            if told == "":
                return
            if told is not None:
                self._say(told)
            else:
                self._answer(verb.upper(), rest)

    def _told(self, verb: str, rest: str) -> str | None:
        """What the test wants to be said."""
        replies = self.server.replies
        return replies.get(f"{verb} {_address(rest)}", replies.get(verb))

    def _answer(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO":
                self._say("250-sink.test\r\n250-8BITMIME\r\n250 SMTPUTF8")
            case "MAIL":
                self._sender, self._recipients = _address(rest), []
                self._say("250 2.1.0 ok")
            case "RCPT":
                self._recipients.append(_address(rest))
                self._say("250 2.1.5 ok")
            case "DATA":
                self._say("354 go on")
                content = self._read_content()
                recipients = tuple(self._recipients)
                delivered = Delivered(self._sender, recipients, content)
                self.server.messages.put(delivered)
                self.server.arrived(delivered)
                self._say("250 2.0.0 kept")
            case "HELO" | "RSET" | "NOOP":
                self._say("250 2.0.0 ok")
            case _:
                self._say("502 5.5.1 unknown")

    def _read_content(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.removeprefix(b".") if line.startswith(b".") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


def _address(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]
