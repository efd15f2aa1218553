# SPDX-License-Identifier: Apache-2.0
"""Ratelimit: has this sender sent too much lately?

Leaking buckets in the store, one for each value of each rate. The check reserves room for the
message before anything else is done with it; when the verdict is known, the reservation is
counted or given back. A message that never finishes gives its room back by itself.

Who logged in is limited by the rates that know the user and by no other (``authenticated_rates``):
his address may be that of a webmailer that a thousand others share. Who did not log in is limited
as any inbound sender, wherever he sits.

Source: direction-modules reference §15; DESIGN §4.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace
from inspect import isfunction
from pathlib import Path
from typing import Literal, NamedTuple

from gatepost.modules.ratelimit.keywords import Keyword, keywords, own_keyword
from gatepost.modules.ratelimit.limits import Factor, Factors, Limit
from gatepost.modules.ratelimit.rates import Rate, RateReader
from gatepost.scan.direction import RUN, Direction, Ruling
from gatepost.scan.module import (
    Adapt,
    Check,
    Hits,
    Module,
    ModuleOptions,
    Raw,
    Seconds,
    Setup,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.python_files import PythonFileError, load_python
from gatepost.scan.symbol import Hit
from gatepost.scan.task import Task
from gatepost.scan.verdicts import rough_verdict
from gatepost.store import Bucket, BucketState, Settlement, StoreError
from gatepost.ucl import Array, Value

STOPPING = frozenset({"reject", "soft reject", "discard"})
VARIABLE = "ratelimit"
MIN_HOLD = 30.0  # seconds
BOUNCE_SENDERS = ("postmaster", "mailer-daemon", "", "null", "fetchmail-daemon", "mdaemon")


class Asked(NamedTuple):
    """One bucket of this message, and what the store said."""

    rate: Rate
    limit: Limit
    bucket: Bucket
    state: BucketState


class Ratelimit(Module):
    """Limits senders; soft rejects what is too much."""

    name = "ratelimit"
    group = "ratelimit"
    outbound = Adapt(
        "an authenticated sender has only the rates that use the user",
        local="run",
        override=("authenticated_rates",),
    )

    class Options(ModuleOptions, frozen=True):
        """``rates`` is read by ``rates.py``. Times in seconds."""

        rates: Raw = None
        """`NAME { bucket { burst; rate; … } selector; limits; }`, one for each rate; `limits` is a
        map of users, or other values, that have limits of their own."""
        authenticated_rates: Literal["user", "all"] = "user"
        """Rates of who logged in: those of the `user`, or `all` as in Rspamd."""
        on_failure: Literal["accept", "soft_reject"] = "accept"
        """What to do while the store does not answer."""
        whitelisted_rcpts: Raw = "postmaster,mailer-daemon"
        """Local parts and addresses; a letter to one of them is never limited."""
        whitelisted_ip: Raw = None
        """Clients that are never limited."""
        whitelisted_user: Raw = None
        """Users who are never limited."""
        bounce_senders: tuple[str, ...] = BOUNCE_SENDERS
        """Local parts of senders that the keyword `bounce` takes for bounces."""
        prefix: str = "RL"
        """What the names of buckets in the store begin with."""
        expire: Seconds = 172_800.0
        """How long a bucket that nothing happens to is kept."""
        symbol: str | None = None
        """Inserted instead of a soft reject."""
        info_symbol: str | None = None
        """Inserted as well as a soft reject."""
        message_func: str | None = None
        """`FILE.py:FUNCTION` that makes the text of the soft reject."""
        custom_keywords: str | None = None
        """`FILE.py` whose functions are keywords for the names of rates."""
        prefilter: bool = True
        """Limit before anything else is looked at; `no`: with the filters."""
        allow_local: bool = False
        """Scans by hand (`gpc`, `gatepost scan`) are limited and counted too."""
        dynamic_rate_limit: bool = False
        """All buckets learn from verdicts, by these factors."""
        ham_factor_rate: Factor = 1.01
        """After ham, the rate is multiplied by this,"""
        spam_factor_rate: Factor = 0.99
        """after spam by this;"""
        ham_factor_burst: Factor = 1.02
        """likewise the burst after ham"""
        spam_factor_burst: Factor = 0.98
        """and after spam,"""
        max_rate_mult: Factor = 5.0
        """the rate up to so many times what is configured, and down to one such part,"""
        max_bucket_mult: Factor = 10.0
        """and likewise the burst."""
        lfb_cache_prefix: str = "RL_cache_prefix"
        """The list in the store of the buckets that were full last,"""
        lfb_max_cache_size: int = 30
        """and how many it names."""
        max_delay: Raw = None
        """Not used, as in today's Rspamd."""
        max_rcpt: Raw = None
        """Not used, as in today's Rspamd."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Reads the rates, opens the whitelists, loads what is written in Python."""
        options = self.options
        everyone = options.authenticated_rates == "all"
        words = keywords(options.bounce_senders, setup.is_local, local_users=not everyone)
        words |= self._custom_keywords(setup)
        reader = RateReader(
            words,
            Factors(
                options.ham_factor_rate,
                options.spam_factor_rate,
                options.ham_factor_burst,
                options.spam_factor_burst,
                options.max_rate_mult,
                options.max_bucket_mult,
            ),
            setup.problems,
            setup.maps,
            dynamic=options.dynamic_rate_limit,
        )
        self.rates = reader.read(options.rates, setup.section)
        self.user_rates = [rate for rate in self.rates if everyone or rate.uses_user]
        self.hold = max(MIN_HOLD, 3 * setup.core.task_timeout)
        self.free_ips = setup.map(options.whitelisted_ip, kind="radix", option="whitelisted_ip")
        self.free_users = setup.map(options.whitelisted_user, kind="set", option="whitelisted_user")
        self.free_rcpts = setup.map(
            _as_list(options.whitelisted_rcpts), kind="set", option="whitelisted_rcpts"
        )
        self.message_of = setup.function(options.message_func, option="message_func")

    def ready(self) -> bool:
        """Without rates there is nothing to limit."""
        return bool(self.rates)

    def ruling(self, direction: Direction) -> Ruling:
        """The policy's, unless all rates are for those who logged in as well."""
        if self.options.authenticated_rates == "all":
            return RUN
        return super().ruling(direction)

    def symbols(self) -> Sequence[Symbol]:
        """The symbols that options name; none by default."""
        options = self.options
        names = [options.symbol, options.info_symbol]
        names += [limit.options.symbol for rate in self.rates for limit in rate.limits]
        return [
            Symbol(name, 0.0, "a rate limit was exceeded", nostat=True)
            for name in dict.fromkeys(names)
            if name
        ]

    def checks(self) -> Sequence[Check]:
        """With ``prefilter = false`` the check is a filter among filters."""
        check, update = super().checks()
        if not self.options.prefilter:
            check = replace(check, stage=Stage.FILTER, priority=0)
        return [check, update]

    @runs(Stage.PREFILTER, callback="RATELIMIT_CHECK", priority=5, empty=True)
    async def check(self, task: Task) -> Hits:
        """Reserves room in every bucket of the message, and says which had none."""
        if self._is_free(task):
            return
        wanted = self._buckets(task)
        if not wanted:
            return
        token = task.id + secrets.token_hex(5)
        try:
            states = await task.store.reserve(
                [bucket for _, _, bucket in wanted],
                token,
                now=task.now,
                hold=self.hold,
                expire=self.options.expire,
            )
        except StoreError as error:
            self._unavailable(task, error)
            return
        asked = [Asked(*one, state) for one, state in zip(wanted, states, strict=True)]
        task.variables[VARIABLE] = (token, asked)
        for one in asked:
            if one.state.limited:
                for hit in self._limit(task, one):
                    yield hit
        await self._remember(task, [one for one in asked if one.state.limited])

    @runs(
        Stage.IDEMPOTENT,
        callback="RATELIMIT_UPDATE",
        explicit_disable=True,
        ignore_passthrough=True,
        empty=True,
    )
    async def update(self, task: Task) -> None:
        """Counts the message, or gives its room back when it was stopped."""
        token, asked = task.variables.get(VARIABLE, ("", ()))
        settlements = [s for one in asked if (s := self._settlement(task, one)) is not None]
        if not settlements:
            return
        try:
            await task.store.settle(settlements, token, now=task.now, expire=self.options.expire)
        except StoreError as error:
            task.log(logging.ERROR, "ratelimit: the message could not be counted: %s", error)

    def _is_free(self, task: Task) -> bool:
        if task.pre_result is not None or (task.is_rspamc and not self.options.allow_local):
            return True
        if self.free_ips is not None and task.ip is not None and task.ip in self.free_ips:
            return True
        if self.free_users is not None and task.user and task.user in self.free_users:
            return True
        free = self.free_rcpts
        return free is not None and any(
            rcpt.user in free or rcpt.addr in free for rcpt in task.recipients
        )

    def _buckets(self, task: Task) -> list[tuple[Rate, Limit, Bucket]]:
        found: list[tuple[Rate, Limit, Bucket]] = []
        recipients = max(len(task.envelope.recipients), 1)
        prefix = self.options.prefix
        for rate in self.user_rates if task.direction.authenticated else self.rates:
            for limit, key in rate.buckets(task, prefix):
                amount = 1 if limit.options.skip_recipients else recipients
                bucket = Bucket(key, limit.burst, limit.rate, amount, limit.dynamic)
                found.append((rate, limit, bucket))
        return found

    def _limit(self, task: Task, one: Asked) -> list[Hit]:
        options, name = one.limit.options, one.rate.name
        symbol = options.symbol or self.options.symbol
        option = f"{name}({one.bucket.key})"
        shown = symbol or self.options.info_symbol
        if symbol is None and not options.skip_soft_reject:
            text = options.message or self._text(task, one, option)
            task.set_pre_result("soft reject", text, module="ratelimit")
            task.log(logging.INFO, "ratelimit %s exceeded: %s", option, _described(one))
        return [Hit(shown, (option,))] if shown else []

    def _text(self, task: Task, one: Asked, option: str) -> str:
        """``message_func`` gets task, rate, key, bucket and ``option``, that of the symbol."""
        if self.message_of is not None:
            try:
                return str(self.message_of(task, one.rate.name, one.bucket.key, one.bucket, option))
            except Exception as error:  # a mistake in it must not let through what is too much
                task.log(logging.ERROR, "ratelimit.message_func failed: %r", error)
        return f'Ratelimit "{one.rate.name}" exceeded'

    async def _remember(self, task: Task, limited: Sequence[Asked]) -> None:
        """Keeps the list of buckets that were full last, for whoever wants to look at them."""
        options = self.options
        try:
            for one in limited[: options.lfb_max_cache_size]:
                await task.store.ranked_add(
                    options.lfb_cache_prefix,
                    one.bucket.key,
                    task.now,
                    keep=options.lfb_max_cache_size,
                )
        except StoreError as error:
            task.log(logging.WARNING, "ratelimit: %s", error)

    def _settlement(self, task: Task, one: Asked) -> Settlement | None:
        result, limit = task.result, one.limit
        # As rspamd: what the score rejects counts, or spam would be free of charge.
        decided = result.verdict()
        stopped = decided.forced_by is not None and decided.action.name in STOPPING
        if one.state.limited and stopped:
            return None  # nothing was reserved, nothing was sent
        factors, verdict = limit.factors, rough_verdict(result)
        rate, burst = 1.0, 1.0
        if verdict in ("spam", "junk"):
            rate, burst = factors.spam_rate, factors.spam_burst
        elif verdict == "ham":
            rate, burst = factors.ham_rate, factors.ham_burst
        return Settlement(
            one.bucket,
            counted=not stopped,
            rate_factor=rate,
            burst_factor=burst,
            max_rate_mult=factors.max_rate,
            max_burst_mult=factors.max_burst,
            reserved=not one.state.limited,
        )

    def _unavailable(self, task: Task, error: StoreError) -> None:
        task.log(logging.ERROR, "ratelimit: the store does not answer: %s", error)
        if self.options.on_failure == "soft_reject":
            task.set_pre_result("soft reject", "Try again later", module="ratelimit")

    def _custom_keywords(self, setup: Setup) -> dict[str, Keyword]:
        """The public functions of a Python file: a word each, ``function(task)`` → its value."""
        path = self.options.custom_keywords
        if path is None:
            return {}
        try:
            names = vars(load_python((setup.config.folder or Path(".")) / path))
        except PythonFileError as error:
            setup.problem("custom_keywords", str(error))
            return {}
        return {
            name: own_keyword(name, function)
            for name, function in names.items()
            if not name.startswith("_")
            and isfunction(function)
            and function.__module__ == names["__name__"]  # what it imported is no keyword
        }


def _described(one: Asked) -> str:
    state, bucket = one.state, one.bucket
    return (
        f"{bucket.amount:g} more than {bucket.burst * state.dynamic_burst:g} "
        f"(level {state.level:.2f}, pending {state.pending:g})"
    )


def _as_list(value: Value) -> Value:
    """``a, b`` is a list of two; a string with a slash or a colon is the definition of a map."""
    if isinstance(value, str) and "/" not in value and ":" not in value and ";" not in value:
        return Array(word.strip() for word in value.split(",") if word.strip())
    return value
