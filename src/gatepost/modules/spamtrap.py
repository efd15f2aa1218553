# SPDX-License-Identifier: Apache-2.0
"""Spamtrap: does this letter go to an address that only spammers know?

Traps are the lines of a map, or keys of the store that their owner maintains. What is found may
get an action, and may teach the classifier and the fuzzy storage. That is done by whoever keeps
these, after the scan: here the letter is only marked, with the task flag ``learn_spam`` and a
`FuzzyLesson` in the task variable ``fuzzy_learn``.

Source: direction-modules reference §13.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from string import Template
from typing import Annotated, NamedTuple

from msgspec import Meta

from gatepost.mail import Address
from gatepost.scan.module import (
    Hits,
    Module,
    ModuleOptions,
    Raw,
    Score,
    Setup,
    Skip,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import to_bytes
from gatepost.store import StoreError

LEARN_SPAM = "learn_spam"
LEARN_FUZZY = "fuzzy_learn"
TEXTS = {"no action": "message accepted", "reject": "message rejected"}
OTHER_TEXT = "unknown error"

FuzzyFlag = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]


class FuzzyLesson(NamedTuple):
    """Under which flag a fuzzy storage is to learn the letter, and how much it weighs."""

    flag: int
    weight: float


class Spamtrap(Module):
    """A symbol for letters to traps, and what follows from it."""

    name = "spamtrap"
    group = "spamtrap"
    outbound = Skip(local=True, authenticated=True)

    SPAMTRAP = Symbol("SPAMTRAP", 0.0, "The letter goes to a spam trap", option="symbol")

    class Options(ModuleOptions, frozen=True):
        """Where traps are listed, and what is done with a letter to one."""

        symbol: str = "SPAMTRAP"
        """The name of the symbol."""
        score: Score = 0.0
        """The score of the symbol."""
        action: str | None = None
        """The action that a letter to a trap gets, whatever its score."""
        smtp_message: str | None = None
        """The text that goes with `action`; `$rcpt` is the trap."""
        learn_spam: bool = False
        """Whether the classifier is to learn the letter as spam."""
        learn_fuzzy: bool = False
        """Whether the fuzzy storage is to learn the letter."""
        fuzzy_flag: FuzzyFlag = 1
        """The flag under which the fuzzy storage learns it."""
        fuzzy_weight: float = 10.0
        """The weight with which the fuzzy storage learns it."""
        map: Raw = None
        """A map of expressions for addresses in lower case; with it the store is not asked."""
        key_prefix: str = "sptr_"
        """What the keys of traps begin with, before `ADDRESS` or `@DOMAIN`, in lower case."""
        allow_multiple_rcpts: bool = False
        """Whether a letter to a trap and to others counts as well."""
        check_local: bool | None = None
        """Looks at the letters of local senders too."""
        check_authed: bool | None = None
        """Looks at the letters of authenticated senders too."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the map and prepares the text of the reply."""
        options = self.options
        action = options.action and setup.action(options.action, option="action")
        self.SPAMTRAP = dataclasses.replace(self.SPAMTRAP, score=options.score)
        self.traps = setup.map(options.map, kind="regexp", option="map")
        self.by_store = options.map is None
        self.text = Template(options.smtp_message or TEXTS.get(action or "", OTHER_TEXT))

    @runs(Stage.POSTFILTER, callback="SPAMTRAP_CHECK")
    async def check(self, task: Task) -> Hits:
        """Looks up the recipients; of several only if that is allowed."""
        recipients = task.envelope.recipients
        # A trap among other recipients may be somebody's mistake.
        if not recipients or (len(recipients) > 1 and not self.options.allow_multiple_rcpts):
            return
        # A trap may be written with a tag, or be an alias; either way it is one.
        both = (one for sent in recipients for one in (sent, task.resolve(sent)))
        recipients = tuple(dict.fromkeys(both))
        trapped = (
            await self._in_store(task, recipients) if self.by_store else self._in_map(recipients)
        )
        for target in trapped:
            yield self.SPAMTRAP(target)
        if trapped:
            self._act(task, trapped[0])

    def _in_map(self, recipients: Sequence[Address]) -> list[str]:
        """The first recipient that matches."""
        traps = self.traps
        if traps is None:
            return []
        addresses = (_lower(recipient.addr) for recipient in recipients)
        return [address for address in addresses if address in traps][:1]

    async def _in_store(self, task: Task, recipients: Sequence[Address]) -> list[str]:
        """Addresses that have a key; and domains that have one, of the other recipients."""
        addresses = [_lower(recipient.addr) for recipient in recipients]
        domains = [_lower(recipient.domain) for recipient in recipients]
        targets = list(dict.fromkeys((*addresses, *(f"@{domain}" for domain in domains if domain))))
        try:
            values = await task.store.get_many([self.options.key_prefix + one for one in targets])
        except StoreError as error:
            task.log(logging.ERROR, "spamtrap: the traps cannot be looked up: %s", error)
            return []
        known = {target for target, value in zip(targets, values, strict=True) if value is not None}
        found: dict[str, None] = {}
        for address, domain in zip(addresses, domains, strict=True):
            if address in known:
                found[address] = None
            elif f"@{domain}" in known:
                found[domain] = None
        return list(found)

    def _act(self, task: Task, target: str) -> None:
        options = self.options
        if options.learn_fuzzy:
            lesson = FuzzyLesson(options.fuzzy_flag, options.fuzzy_weight)
            task.variables.setdefault(LEARN_FUZZY, []).append(lesson)
        if options.learn_spam:
            task.flags.add(LEARN_SPAM)
        if options.action is not None:
            task.log(logging.INFO, "spamtrap: a letter to a trap gets `%s`", options.action)
            task.set_pre_result(
                options.action,
                self.text.safe_substitute(rcpt=target),
                module="spamtrap",
                process_all=options.learn_spam,  # what learns needs the whole scan
            )


def _lower(text: str) -> str:
    """Lower case as C has it: letters of ASCII only."""
    return to_bytes(text).lower().decode("utf-8", "surrogateescape")
