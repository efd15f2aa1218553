# SPDX-License-Identifier: Apache-2.0
"""Replies: does this letter answer one of ours?

The Message-ID of what our own people send is kept for a day, with a hash of where the answer is
to go. A letter that names it in In-Reply-To and goes to nobody else is an answer. Who answered
whom is kept too, for ``known_senders``. With a cookie in the Message-ID nothing needs to be kept.

Of what we send ourselves an answer gets the symbol as well, but no action is ever forced for it.

Source: direction-modules reference §17. The keys are Rspamd's, so that both can share a Redis.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Annotated

from msgspec import Meta

from gatepost.config import Count
from gatepost.mail import Address
from gatepost.modules.replies.cookie import MAX_TEXT, CookieReader
from gatepost.scan.correspondents import (
    CorrespondentOptions,
    KeyLength,
    address_key,
    everybody_key,
)
from gatepost.scan.module import (
    Adapt,
    Hits,
    Module,
    Score,
    Seconds,
    Setup,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.regexps import Regexp, to_bytes
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import hashed
from gatepost.store import StoreError

Size = Annotated[int, Meta(ge=1, le=1_000_000)]


class Replies(Module):
    """Keeps the ids of what we send, and knows the answers by them."""

    name = "replies"
    group = "replies"
    outbound = Adapt("the Message-ID is stored, and no action is forced")

    REPLY = Symbol("REPLY", -4.0, "The letter answers one of ours", option="symbol", nostat=True)

    class Options(CorrespondentOptions, frozen=True):
        """What is kept for how long, and what an answer means."""

        action: str | None = None
        """The action that an answer gets whatever its score, such as `no action`."""
        message: str = "Message is reply to one we originated"
        """The text that goes with `action`."""
        symbol: str = "REPLY"
        """The name of the symbol."""
        score: Score = -4.0
        """The score of the symbol."""
        expire: Seconds = 86_400.0
        """How long ids, and who answered whom, are kept."""
        key_prefix: str = "rr"
        """What the keys of ids begin with."""
        key_size: KeyLength = 20
        """How many characters of its hash name an id."""
        min_message_id: Count = 2
        """A Message-ID that is not longer is not stored."""
        use_auth: bool = True
        """Whether the ids of authenticated senders are stored."""
        use_local: bool = True
        """Whether the ids of local senders are stored."""
        max_local_size: Size = 20
        """How many of our people are kept for each of their correspondents."""
        max_global_size: Size = 30
        """How many of our people are kept altogether, those answered most."""
        cookie: str | None = None
        """The text of cookies (at most 15 bytes); with it, ids with a cookie need not be stored."""
        cookie_key: str | None = None
        """The key of cookies: 32 hexadecimal digits."""
        cookie_is_pattern: bool = False
        """Whether `cookie` is a regular expression that the text has to match."""
        cookie_valid_time: Seconds = 1_209_600.0
        """How long after it was sent a cookie counts."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Names the keys and reads what the cookie is to be."""
        options = self.options
        self.REPLY = dataclasses.replace(self.REPLY, score=options.score)
        if options.action is not None:
            setup.action(options.action, option="action")
        self.everybody = everybody_key(options)
        if options.reply_sender_privacy:
            setup.warning("reply_sender_privacy", "has no effect: the keys are hashes anyway")
        self.cookies = self._cookie_reader(setup)
        self.cookie_pattern: Regexp | None = None
        self.cookie_text = to_bytes(options.cookie or "")
        if options.cookie_is_pattern and options.cookie:
            self.cookie_pattern = next(iter(setup.regexps([options.cookie], option="cookie")), None)
        elif len(self.cookie_text) > MAX_TEXT:
            setup.problem("cookie", f"expected at most {MAX_TEXT} bytes: no cookie holds more")

    @runs(Stage.PREFILTER, callback="REPLIES_CHECK", priority=5)
    async def check(self, task: Task) -> Hits:
        """Looks for the id that the letter answers: a cookie in it, or a record of it."""
        header = task.message.headers.first("In-Reply-To")
        if header is None:
            return
        option = self._cookie_of(task, header.value)
        if option is not None:
            yield self.REPLY(option)
            self._force(task)
        elif await self._is_known(task, header.raw):
            yield self.REPLY()
            self._force(task)
            await self._remember_correspondents(task)

    @runs(
        Stage.IDEMPOTENT,
        callback="REPLIES_SET",
        explicit_disable=True,
        ignore_passthrough=True,
    )
    async def store_id(self, task: Task) -> None:
        """Keeps the id of what our own people send, and where the answer is to go."""
        options, direction = self.options, task.direction
        ours = (options.use_auth and direction.authenticated) or (
            options.use_local and direction.local
        )
        header = task.message.headers.first("Message-ID") if ours else None
        if header is None or len(header.raw) <= options.min_message_id:
            return
        sender = task.reply_sender
        if sender is None:
            task.log(logging.INFO, "replies: nobody to answer to, the id is not stored")
            return
        value = address_key(sender).encode()
        try:
            await task.store.set(self._id_key(header.raw), value, expire=options.expire)
        except StoreError as error:
            task.log(logging.ERROR, "replies: the id cannot be stored: %s", error)

    def _id_key(self, raw: bytes) -> str:
        return self.options.key_prefix + hashed(raw, self.options.key_size)

    async def _is_known(self, task: Task, raw: bytes) -> bool:
        """True when we sent this id, and all recipients are the one whom the answer is for."""
        try:
            stored = await task.store.get(self._id_key(raw))
        except StoreError as error:
            task.log(logging.ERROR, "replies: the id cannot be looked up: %s", error)
            return False
        recipients = task.envelope.recipients
        if stored is None or not recipients:
            return False
        if all(stored in _keys(recipient, task.resolve(recipient)) for recipient in recipients):
            return True
        task.log(logging.INFO, "replies: the letter also goes to others than it answers")
        return False

    async def _remember_correspondents(self, task: Task) -> None:
        """The one who answers, and all together, get whom of ours he answered."""
        options, store, recipients = self.options, task.store, task.envelope.recipients
        sender = task.reply_sender
        try:
            for address in dict.fromkeys(task.resolve(one).addr for one in recipients):
                if sender is not None:
                    await store.ranked_add(
                        address_key(sender),
                        address,
                        task.now,
                        keep=options.max_local_size,
                        expire=options.expire,
                    )
                await store.ranked_increment(
                    self.everybody, address, 1.0, keep=options.max_global_size
                )
        except StoreError as error:
            task.log(logging.ERROR, "replies: who answered cannot be stored: %s", error)

    def _force(self, task: Task) -> None:
        options = self.options
        if options.action is not None and not task.direction.outbound:
            task.set_pre_result(options.action, options.message, module="replies")

    def _cookie_of(self, task: Task, in_reply_to: str) -> str | None:
        """The symbol's option when the id has a valid cookie of ours."""
        cookie = self.cookies.read(in_reply_to) if self.cookies is not None else None
        if cookie is None or not 0 <= task.now - cookie.sent <= self.options.cookie_valid_time:
            return None
        if self.options.cookie_is_pattern:
            found = self.cookie_pattern.search(cookie.text) if self.cookie_pattern else None
            if found is None:
                return None
            whole = cookie.text[found.start : found.end]
            shown = (found.groups[0] or b"") if found.groups else whole
            return f"cookie:{shown.decode('utf-8', 'replace')}:{cookie.sent}"
        return f"cookie:{cookie.sent}" if cookie.text == self.cookie_text else None

    def _cookie_reader(self, setup: Setup) -> CookieReader | None:
        options = self.options
        if not options.cookie or not options.cookie_key:
            if options.cookie or options.cookie_key:
                setup.warning("cookie", "cookies need both `cookie` and `cookie_key`")
            return None
        try:
            return CookieReader(options.cookie_key)
        except ValueError as error:
            setup.problem("cookie_key", str(error))
            return None


def _keys(*addresses: Address) -> set[bytes]:
    """The hashes of an address as it is written, which is how ids are stored, and of its mailbox.

    Rspamd looks at the mailbox alone, so that there an answer to an address with a tag is none.
    """
    return {address_key(address.addr).encode() for address in addresses}
