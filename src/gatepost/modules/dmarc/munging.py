# SPDX-License-Identifier: Apache-2.0
"""From of a letter to a mailing list, rewritten so that the list can send it on.

A list that changes letters breaks their signatures, and a strict policy of the author's domain
then has its subscribers refuse them. The author moves to X-Original-From and Reply-To.

Source: direction-modules reference §4 (9).
"""

from __future__ import annotations

import re
from email.header import Header
from email.utils import quote

from gatepost.authn import DmarcVerdict
from gatepost.mail import Address
from gatepost.modules.dmarc.munge_condition import read_condition
from gatepost.modules.dmarc.options import Munging
from gatepost.scan.setup import Setup
from gatepost.scan.task import Task

MAX_NAME = 100  # characters of a name; the rest is left out
MAX_LINE = 900  # characters: RFC 5322 2.1.1 has room for 998 bytes
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
STRICT = ("quarantine", "reject")


class Munger:
    """The rules of ``munging``; ``munge`` applies them to a letter."""

    def __init__(self, options: Munging, setup: Setup) -> None:
        self.options = options
        self.lists = setup.map(options.list_map, kind="set", option="munging")
        if self.lists is None:
            setup.problem("munging", "list_map is missing: which addresses are lists?")
        self.condition = read_condition(options.munge_map_condition, setup, "munging")

    def munge(self, task: Task, verdict: DmarcVerdict) -> Address | None:
        """Has the MTA rewrite From; returns the author it had, ``None``: nothing to do."""
        if not self.applies(verdict) or len(task.message.from_) != 1:
            return None
        if self.condition is not None and not self.condition.holds(task):
            return None
        target = self.find_list(task)
        if target is None:
            return None
        (author,) = task.message.from_
        self.rewrite(task, author, target)
        return author

    def applies(self, verdict: DmarcVerdict) -> bool:
        """Whether letters with this verdict are rewritten, by the two ``mitigate_`` options."""
        if verdict.result != "pass" and (
            self.options.mitigate_allow_only or verdict.result != "fail"
        ):
            return False
        return not self.options.mitigate_strict_only or verdict.published in STRICT

    def find_list(self, task: Task) -> Address | None:
        """The first list among To, Cc and Bcc."""
        lists = self.lists
        if lists is None:
            return None
        return next((one for one in task.message.recipients if one.addr.lower() in lists), None)

    def rewrite(self, task: Task, author: Address, target: Address) -> None:
        """From is the list, Reply-To also the author; a line that is too long has him alone."""
        original = header_text(task, "From")
        reply_to = header_text(task, "Reply-To")
        if self.options.reply_goes_to_list:
            replies = target.addr
        else:
            replies = f"{reply_to}, {original}" if reply_to else original
            if len(replies) > MAX_LINE:
                replies = author.addr
        name = f"{(author.name or author.user)[:MAX_NAME]} via {target.user}"
        task.remove_header("From")
        task.remove_header("Reply-To", 1)
        task.add_header("From", mailbox(name, target.addr))
        task.add_header("X-Original-From", original if len(original) <= MAX_LINE else author.addr)
        task.add_header("Reply-To", replies)


def header_text(task: Task, name: str) -> str:
    """The first header of that name as it was written, on one line."""
    header = task.message.headers.first(name)
    if header is None:
        return ""
    return CONTROL.sub(" ", header.raw.decode("utf-8", "replace")).strip()


def mailbox(name: str, address: str) -> str:
    """``"name" <address>``, with encoded words where the name needs them."""
    name = " ".join(CONTROL.sub(" ", name).split())
    if name.isascii():
        return f'"{quote(name)}" <{address}>'
    return f"{Header(name, 'utf-8', maxlinelen=998).encode()} <{address}>"
