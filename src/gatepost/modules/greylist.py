# SPDX-License-Identifier: Apache-2.0
"""Greylist: has this letter, or this sender, come to us before and waited?

What the score finds suspicious is refused for a while at its first contact. Most spam does not
come back; mail servers do. Two records say who came: one of the letter itself (``body``), one of
sender, recipients and network (``meta``). A prefilter reads both and refuses what comes back too
early without scanning it; a postfilter decides on the rest by its score.

Source: direction-modules reference §8. The keys are Rspamd's, so that both can share a Redis.
"""

from __future__ import annotations

import logging
from email.utils import formatdate
from typing import Annotated, NamedTuple

from msgspec import Meta

from gatepost.mail import registrable_domain
from gatepost.scan.envelope import IPAddress
from gatepost.scan.module import (
    Bytes,
    Hits,
    Module,
    ModuleOptions,
    Raw,
    Score,
    Seconds,
    Setup,
    Skip,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.symbol import Hit
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import hashed, to_bytes
from gatepost.store import StoreError

REQUIRED = "grey_greylisted_required"
"""A task variable: a check that sets it wants the letter greylisted even without such a score."""

WHITELISTED = "greylist_whitelisted"
"""The task flag of letters that are never greylisted, for ``settings`` and ``Flags``."""

VARIABLE = "greylist"
FLAG = "greylisted"
KEY_LENGTH = 20
LATEST = 1e11  # what a record can say; seconds since the epoch

Bits4 = Annotated[int, Meta(ge=0, le=32)]
Bits6 = Annotated[int, Meta(ge=0, le=128)]


class Known(NamedTuple):
    """What the records say: the key of the one that is old enough, when the young ones will be.

    Times are in seconds since the epoch. ``new``: there is no record at all.
    """

    passed: str = ""
    body_until: float | None = None
    meta_until: float | None = None
    new: bool = False

    @property
    def until(self) -> float | None:
        """When the letter may come back; ``None`` when nothing keeps it now.

        A young letter is kept even if its sender is known: it was refused a moment ago.
        """
        if self.body_until is not None and self.meta_until is not None:
            return min(self.body_until, self.meta_until)
        return self.meta_until if self.body_until is None else self.body_until


class Greylist(Module):
    """Soft rejects the first contact of what scores ``greylist`` or more, but less than reject."""

    name = "greylist"
    group = "greylist"
    outbound = Skip(local=True, authenticated=True)

    GREYLIST = Symbol(
        "GREYLIST",
        0.0,
        "The letter has to come again later, or did so",
        option="symbol",
    )

    class Options(ModuleOptions, frozen=True):
        """How long to wait, who need not, and what the refusal says."""

        expire: Seconds = 86_400.0
        """How long a record is kept; each letter that passes begins it anew."""
        timeout: Seconds = 300.0
        """How long a letter has to wait."""
        redis_timeout: Seconds = 1.0
        """Taken and ignored: `redis.conf` has the timeout of the store."""
        key_prefix: str = "rg"
        """What the keys of the records begin with."""
        max_data_len: Bytes = 10_240
        """How much of the body says which letter it is."""
        message: str = "Try again later"
        """The text of the refusal."""
        report_time: bool = False
        """Whether the refusal says until when to wait."""
        message_func: str | None = None
        """`FILE.py:FUNCTION`, called with the task and the date: the text of the refusal."""
        symbol: str = "GREYLIST"
        """The name of the symbol."""
        action: str = "soft reject"
        """What is done with a letter that has to wait."""
        greylist_min_score: Score | None = None
        """Letters below this score do not wait; unset: the threshold of the action `greylist`."""
        ipv4_mask: Bits4 = 19
        """How many bits of an IPv4 address say which network a sender is in."""
        ipv6_mask: Bits6 = 64
        """How many bits of an IPv6 address say which network a sender is in."""
        whitelisted_ip: Raw = None
        """A map of addresses and networks whose letters never wait."""
        whitelist_domains_url: Raw = None
        """A map of host names, or of their registrable domains, whose letters never wait."""
        whitelist_symbols: tuple[str, ...] = ()
        """A letter in which one of these was found does not wait."""
        check_local: bool | None = None
        """Greylists local senders too, and scans by hand (`gpc`) as if they were mail."""
        check_authed: bool | None = None
        """Greylists authenticated senders too."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the whitelists and loads the message function."""
        options = self.options
        self.free_ips = setup.map(options.whitelisted_ip, kind="radix", option="whitelisted_ip")
        self.free_hosts = setup.map(
            options.whitelist_domains_url, kind="map", option="whitelist_domains_url"
        )
        self.action = setup.action(options.action, option="action")
        self.message_of = setup.function(options.message_func, option="message_func")
        self.masks = {4: _mask(32, options.ipv4_mask), 6: _mask(128, options.ipv6_mask)}
        self.by_hand = bool(self.switches()["check_local"])

    @runs(Stage.PREFILTER, callback="GREYLIST_CHECK", priority=5)
    async def check(self, task: Task) -> Hits:
        """Reads the records and refuses what comes back too early."""
        if self._is_free(task) or self._is_known_host(task):
            return
        keys = self._keys(task)
        try:
            values = await task.store.get_many(keys)
        except StoreError as error:
            task.log(logging.ERROR, "greylist: the records cannot be read: %s", error)
            return
        known = task.variables[VARIABLE] = self._known(task.now, *values)
        if known.until is not None:
            yield self._delay(task, known.until, "too early")

    @runs(Stage.POSTFILTER, callback="GREYLIST_SAVE", priority=5, any_direction=True)
    async def save(self, task: Task) -> Hits:
        """Decides by the score; what does not have to wait loses the action ``greylist``."""
        required = bool(task.variables.get(REQUIRED))
        action = task.result.verdict().action.name
        if task.pre_result is not None or action == "reject":
            return
        if action == "no action" and not required:
            return
        if self._is_excused(task):
            self._let_through(task)
            return
        known: Known | None = task.variables.get(VARIABLE)
        passed = known.passed if known is not None else ""
        if passed or self._is_known_host(task):
            self._let_through(task)
            yield self.GREYLIST("pass", passed or "meta")
            await self._prolong(task)
        elif required or (known is not None and known.new):
            if await self._remember(task):
                yield self._delay(task, int(task.now) + self.options.timeout, "new record")
        elif known is not None and known.until is not None:
            # Somebody scans by hand what waits: the prefilter refused nothing.
            why = "meta" if known.body_until is None else "body"
            yield self._delay(task, known.until, why)

    def _is_excused(self, task: Task) -> bool:
        """Letters that do not wait whatever the records say."""
        if task.direction.outbound and self.ruling(task.direction).effect == "skip":
            return True
        if self._is_free(task) or any(map(task.has, self.options.whitelist_symbols)):
            return True
        least = self.options.greylist_min_score
        if least is None:  # that of an action which settings switched off counts as well
            least = task.result.actions.get("greylist").threshold
        return least is not None and task.result.score < least

    def _is_free(self, task: Task) -> bool:
        if WHITELISTED in task.flags:
            return True
        return self.free_ips is not None and task.ip is not None and task.ip in self.free_ips

    def _is_known_host(self, task: Task) -> bool:
        hosts, host = self.free_hosts, task.hostname
        if hosts is None or not host:
            return False
        return host in hosts or registrable_domain(host) in hosts

    def _known(self, now: float, meta: bytes | None, body: bytes | None) -> Known:
        """As rspamd: the record of the letter counts; the other one only while it is not old."""
        body_until, meta_until = self._until(body), self._until(meta)
        if body_until is None and meta_until is None:
            return Known(new=True)
        if body_until is not None and body_until <= now:
            return Known("body")
        if meta_until is not None and meta_until <= now:
            return Known("meta", body_until)
        return Known("", body_until, meta_until)

    def _until(self, value: bytes | None) -> float | None:
        try:
            since = float(value or b"")
        except ValueError:
            return None
        return since + self.options.timeout if 0 <= since < LATEST else None

    def _keys(self, task: Task) -> tuple[str, str]:
        """The keys of where the letter comes from and of the letter itself.

        As rspamd, by the mailboxes: a tag that differs each time would make each letter new.
        """
        prefix, message, mailbox = self.options.key_prefix, task.message, task.resolve
        recipients = sorted(to_bytes(mailbox(one).addr) for one in task.envelope.recipients)
        sender = "<>" if task.sender is None else mailbox(task.sender).addr
        network = "" if task.ip is None else self._network(task.ip)
        meta = b"".join((to_bytes(sender), *recipients, network.encode()))
        # As rspamd: the empty line behind the header belongs to the body [3.4 live].
        start = message.start + len(message.header_bytes)
        body = message.raw[start : start + self.options.max_data_len]
        author = mailbox(message.from_[0]).addr if message.from_ else "<>"
        letter = b"".join((body, to_bytes(message.subject), *recipients, to_bytes(author)))
        return (
            f"{prefix}m{hashed(meta, KEY_LENGTH)}",
            f"{prefix}b{hashed(letter, KEY_LENGTH)}",
        )

    def _network(self, ip: IPAddress) -> str:
        return str(type(ip)(int(ip) & self.masks[ip.version]))

    def _delay(self, task: Task, until: float, why: str) -> Hit:
        """The symbol; and the refusal, unless somebody scans by hand."""
        date = formatdate(until, usegmt=True)
        if self._is_real(task):
            task.set_pre_result(self.action, self._text(task, date), module="greylist")
            task.flags.add(FLAG)
        return self.GREYLIST("greylisted", date, why)

    def _is_real(self, task: Task) -> bool:
        return self.by_hand or not task.is_rspamc

    def _text(self, task: Task, date: str) -> str:
        if self.message_of is not None:
            try:
                return str(self.message_of(task, date))
            except Exception as error:  # a mistake in it must not let the letter through
                task.log(logging.ERROR, "greylist.message_func failed: %r", error)
        message = self.options.message
        return f"{message}: {date}" if self.options.report_time else message

    def _let_through(self, task: Task) -> None:
        if task.result.verdict().action.name == "greylist":
            task.result.disable_action("greylist")

    async def _remember(self, task: Task) -> bool:
        """Writes the records. Without them the letter would be new each time: it may not wait."""
        if not self._is_real(task):
            return True
        try:
            for key in self._keys(task):
                await task.store.set(key, b"%d" % int(task.now), expire=self.options.expire)
        except StoreError as error:
            task.log(logging.ERROR, "greylist: the letter cannot be remembered: %s", error)
            return False
        return True

    async def _prolong(self, task: Task) -> None:
        if not self._is_real(task):
            return
        try:
            for key in self._keys(task):
                await task.store.expire(key, self.options.expire)
        except StoreError as error:
            task.log(logging.WARNING, "greylist: the records cannot be prolonged: %s", error)


def _mask(bits: int, prefix: int) -> int:
    return ((1 << prefix) - 1) << (bits - prefix)
