# SPDX-License-Identifier: Apache-2.0
"""Gives letters to one SMTP server, and says for each recipient what became of it.

Only a server's clear word is final: it took the letter, or it refuses this mailbox. Everything
else (a server that is away, 4yz answers, a refused sender, relaying denied) is for a later try.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import time
from collections.abc import Mapping, Sequence

from gatepost.modules.dmarc.delivery import Sent

TIMEOUT = 60.0  # seconds for each answer of the server
RETRY_UNTIL = 120.0  # seconds after which no further try begins
PAUSE = 2.0  # seconds before the first further try, then twice as long each time
MAX_SHOWN = 200  # characters of what the server said
# RFC 3463 3.8: a matter of policy, such as relaying that is denied; the postmaster can mend it.
POLICY = re.compile(r"5\.7\.\d")
UNPRINTABLE = re.compile(r"[^ -~]+")


class SmtpSender:
    """One connection, kept for the letters that follow; use as ``async with``.

    ``retries`` are further tries for what was not final, with ``pause`` between them.
    ``away``: the last try could not even connect.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        helo: str = "",
        retries: int = 0,
        pause: float = PAUSE,
    ) -> None:
        self.host, self.port = host, port
        self.sender = sender
        self.helo = helo or socket.gethostname()
        self.retries, self.pause = retries, pause
        self.away = False
        self._server: smtplib.SMTP | None = None

    async def __aenter__(self) -> SmtpSender:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    async def __call__(self, letter: bytes, recipients: Sequence[str]) -> Sent:
        """Sends ``letter`` (with CRLF) to ``recipients``."""
        accepted: list[str] = []
        refused: dict[str, str] = {}
        left, deferred = list(recipients), dict[str, str]()
        last = time.monotonic() + RETRY_UNTIL
        for attempt in range(self.retries + 1):
            if attempt:
                await asyncio.sleep(self.pause * 2 ** (attempt - 1))
            sent = await asyncio.to_thread(self._attempt, letter, left)
            accepted += sent.accepted
            refused |= sent.refused
            deferred, left = sent.deferred, list(sent.deferred)
            if not left or time.monotonic() > last:
                break
        return Sent(tuple(accepted), refused, deferred)

    def _attempt(self, letter: bytes, recipients: Sequence[str]) -> Sent:
        try:
            server = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            self.away = True
            return later(recipients, f"{self.host}:{self.port}: {error}")
        self.away = False
        try:
            answers = server.sendmail(self.sender, recipients, letter)
        except smtplib.SMTPRecipientsRefused as error:
            return sort_answers(recipients, error.recipients, taken=False)
        except smtplib.SMTPResponseException as error:  # of the sender, of the whole letter
            return later(recipients, said(error.smtp_code, error.smtp_error))
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return later(recipients, f"{self.host}:{self.port}: {error}")
        return sort_answers(recipients, answers, taken=True)

    def _connected(self) -> smtplib.SMTP:
        """The connection that is there, if it still works, else a new one."""
        if self._server is not None:
            try:
                if self._server.noop()[0] == 250:
                    return self._server
            except (OSError, smtplib.SMTPException):
                pass
            self._drop()
        self._server = smtplib.SMTP(self.host, self.port, local_hostname=self.helo, timeout=TIMEOUT)
        return self._server

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _close(self) -> None:
        if self._server is not None:
            try:
                self._server.quit()
            except (OSError, smtplib.SMTPException):
                pass
            self._drop()


def sort_answers(
    recipients: Sequence[str], answers: Mapping[str, tuple[int, bytes]], *, taken: bool
) -> Sent:
    """``answers`` are those that are no 250; ``taken``: the others have the letter."""
    accepted = tuple(one for one in recipients if one not in answers) if taken else ()
    refused: dict[str, str] = {}
    deferred: dict[str, str] = {}
    for address, (code, text) in answers.items():
        reply = said(code, text)
        final = 500 <= code < 600 and POLICY.search(reply) is None
        (refused if final else deferred)[address] = reply
    unasked = () if taken else tuple(one for one in recipients if one not in answers)
    return Sent(accepted, refused, deferred | dict.fromkeys(unasked, "not asked"))


def later(recipients: Sequence[str], why: str) -> Sent:
    return Sent(deferred=dict.fromkeys(recipients, why))


def said(code: int, text: bytes | str) -> str:
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    return UNPRINTABLE.sub(" ", f"{code} {text}")[:MAX_SHOWN].rstrip()
