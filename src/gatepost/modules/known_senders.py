# SPDX-License-Identifier: Apache-2.0
"""Known senders: has this sender written to us before, or do we write to him?

Of some domains (free mail, where anybody gets an address) each sender is kept: the first letter
of one is a little suspicious, all later ones are not. Whom our own people write to is kept as
well. Two more checks look at what ``replies`` keeps: who has answered whom.

Source: direction-modules reference §18, whose keys are kept; learning from what we send is ours.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta

from gatepost.mail import Address
from gatepost.scan.correspondents import CorrespondentOptions, address_key, everybody_key
from gatepost.scan.module import (
    Check,
    Hits,
    Module,
    Raw,
    RunAlways,
    Seconds,
    Setup,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import to_bytes
from gatepost.store import StoreError

Size = Annotated[int, Meta(ge=1, le=100_000_000)]
Recipients = Annotated[int, Meta(ge=0, le=1000)]


class KnownSenders(Module):
    """Symbols for senders that we know; learns from inbound and outbound letters."""

    name = "known_senders"
    group = "known_senders"
    outbound = RunAlways()

    KNOWN = Symbol(
        "KNOWN_SENDER", -1.0, "The sender has written before", option="symbol", one_shot=True
    )
    UNKNOWN = Symbol(
        "UNKNOWN_SENDER",
        0.5,
        "The sender has not written before",
        option="symbol_unknown",
        one_shot=True,
    )
    GLOBALLY = Symbol(
        "INC_MAIL_KNOWN_GLOBALLY",
        -1.0,
        "The sender is one of ours whom others have answered",
        option="symbol_check_mail_global",
    )
    LOCALLY = Symbol(
        "INC_MAIL_KNOWN_LOCALLY",
        -1.0,
        "The sender has answered one of the recipients before",
        option="symbol_check_mail_local",
    )

    class Options(CorrespondentOptions, frozen=True):
        """Whose senders are kept, and where."""

        domains: Raw = None
        """A map of the domains whose senders are kept one by one, such as those of free mail."""
        max_senders: Size = 100_000
        """How many senders are kept; those seen first go first."""
        max_ttl: Seconds = 2_592_000.0
        """Taken and ignored, as in Rspamd."""
        use_bloom: bool = False
        """Taken and ignored: senders are always kept exactly."""
        symbol: str = "KNOWN_SENDER"
        """The name of the symbol for a sender who has written before."""
        symbol_unknown: str = "UNKNOWN_SENDER"
        """The name of the symbol for one who has not."""
        symbol_check_mail_global: str = "INC_MAIL_KNOWN_GLOBALLY"
        """The name of the symbol for one of ours whom others have answered."""
        symbol_check_mail_local: str = "INC_MAIL_KNOWN_LOCALLY"
        """The name of the symbol for one who has answered a recipient before."""
        max_recipients: Recipients = 15
        """How many recipients of a letter are looked at."""
        redis_key: str = "rs_known_senders"
        """The key of the set of senders."""
        learn_outbound: bool = True
        """Whether those are known whom our own people write to (only in Gatepost)."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the list of domains and names the set that ``replies`` writes."""
        options = self.options
        self.domains = setup.map(options.domains, kind="set", option="domains")
        self.everybody = everybody_key(options)
        if self.domains is None:
            setup.warning("domains", "without a list of domains no sender is kept")
        if options.use_bloom:
            setup.warning("use_bloom", "has no effect: senders are kept exactly")

    def checks(self) -> Sequence[Check]:
        """Without domains nothing is kept or learnt."""
        known, globally, locally, learn = super().checks()
        if self.domains is None:
            return [globally, locally]
        if not self.options.learn_outbound:
            return [known, globally, locally]
        return [known, learn, globally, locally]

    @runs(Stage.FILTER, callback="KNOWN_SENDER", symbols=(KNOWN, UNKNOWN))
    async def check(self, task: Task) -> Hits:
        """Author and envelope sender; one who is unknown is kept from now on."""
        authors = [("mime", author) for author in task.message.from_[:1]]
        senders = [("smtp", task.sender)] if task.sender is not None else []
        asked: dict[str, str] = {}
        for kind, address in (*authors, *senders):
            mailbox = task.resolve(address)
            if self._is_tracked(mailbox):
                asked.setdefault(_member(mailbox.addr), kind)
        for member, kind in asked.items():
            try:
                new = await self._keep(task, member)
            except StoreError as error:
                task.log(logging.ERROR, "known_senders: the set cannot be used: %s", error)
                return
            symbol = self.UNKNOWN if new else self.KNOWN
            yield symbol(f"{kind}:{member}")

    @runs(Stage.FILTER, callback="INC_MAIL_KNOWN_GLOBALLY", symbols=(GLOBALLY,))
    async def check_globally(self, task: Task) -> Hits:
        """Whether the sender himself is one of those who were answered."""
        sender = task.reply_sender
        if sender is not None and await self._is_any_in(task, self.everybody, (sender,)):
            yield self.GLOBALLY(sender)

    @runs(Stage.FILTER, callback="INC_MAIL_KNOWN_LOCALLY", symbols=(LOCALLY,))
    async def check_locally(self, task: Task) -> Hits:
        """Whether the sender has answered one of the recipients."""
        sender, most = task.reply_sender, self.options.max_recipients
        recipients = [task.resolve(one).addr for one in task.envelope.recipients[:most]]
        if sender is None or not recipients:
            return
        key = address_key(sender)
        if await self._is_any_in(task, key, recipients):
            yield self.LOCALLY(key)

    @runs(
        Stage.IDEMPOTENT,
        callback="KNOWN_SENDERS_LEARN",
        explicit_disable=True,
        ignore_passthrough=True,
    )
    async def learn(self, task: Task) -> None:
        """Keeps whom our own people write to, unless the letter looks like spam or is a trial."""
        if not task.direction.outbound or task.is_rspamc:
            return
        if task.result.verdict().action.name != "no action":
            return
        members: dict[str, None] = {}
        for address in map(task.resolve, task.envelope.recipients[: self.options.max_recipients]):
            if self._is_tracked(address):
                # He may write his address in another way than our user did.
                members.update({_member(address.addr): None, _member(address.addr.lower()): None})
        try:
            for member in members:
                await self._keep(task, member)
        except StoreError as error:
            task.log(logging.ERROR, "known_senders: recipients cannot be kept: %s", error)

    def _is_tracked(self, address: Address) -> bool:
        domain = address.domain
        return bool(domain) and self.domains is not None and domain in self.domains

    async def _keep(self, task: Task, member: str) -> bool:
        """Keeps a sender; true when he is new. As rspamd: seeing him again does not renew him."""
        options = self.options
        return await task.store.ranked_add(
            options.redis_key, member, task.now, keep=options.max_senders, only_if_absent=True
        )

    async def _is_any_in(self, task: Task, key: str, members: Iterable[str]) -> bool:
        try:
            scores = await task.store.ranked_scores(key, list(members))
        except StoreError as error:
            task.log(logging.ERROR, "known_senders: who answered whom is not known: %s", error)
            return False
        return any(score is not None for score in scores)


def _member(address: str) -> str:
    return hashlib.md5(to_bytes(address), usedforsecurity=False).hexdigest()
