# SPDX-License-Identifier: Apache-2.0
"""Which letters go to a trap, and what is done with them in each direction."""

from __future__ import annotations

import logging

import pytest

from gatepost.app import build
from gatepost.config import ConfigError
from gatepost.modules.aliases import Aliases
from gatepost.modules.spamtrap import FuzzyLesson, Spamtrap
from gatepost.scan.module import Module, RunAlways, Stage, runs
from gatepost.scan.task import Task
from gatepost.store import Store
from gatepost.testing import Bench, build_app, explain, mail

LOCAL, PUBLIC = "10.1.2.3", "203.0.113.7"
CORE = 'options { local_addrs = "10.0.0.0/8"; } '
TRAP = "trap@example.net"
MAP = r'map = ["/^trap@/", "/@trap\\.example\\.net$/"];'


def bench(options: str = MAP, *, store: Store | None = None, modules=(Spamtrap,)) -> Bench:
    return Bench(modules, config=f"{CORE} spamtrap {{ {options} }}", store=store)


class Decides(Module):
    """Rejects what has the subject for it; and looks on when all is over."""

    name = "decides"
    group = "decides"
    outbound = RunAlways()

    @runs(Stage.FILTER, callback="DECIDES")
    def check(self, task: Task) -> None:
        """Looks at the subject."""
        if task.message.subject == "reject me":
            task.set_pre_result("reject", "no", module="decides")

    @runs(Stage.POSTFILTER, callback="LATER", priority=9)
    def later(self, task: Task) -> None:
        """Does nothing."""


# --- traps --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rcpt, option",
    [
        (TRAP, TRAP),
        ("Trap@EXAMPLE.org", "trap@example.org"),
        ("any@trap.example.net", "any@trap.example.net"),
        ("bob@example.net", None),
        ("nottrap@example.net", None),
        ([TRAP, "bob@example.net"], None),
        ([TRAP, TRAP], None),
        ([], None),
    ],
)
async def test_traps_may_stand_in_a_map(rcpt, option) -> None:
    async with bench() as one:
        result = await one.scan(mail(rcpt=rcpt))
    assert result.hits == ({"SPAMTRAP": [option]} if option else {})


@pytest.mark.parametrize(
    "rcpt, option",
    [
        (TRAP, TRAP),
        ("TRAP@Example.net", TRAP),
        ("any@old.example", "old.example"),
        ("bob@example.net", None),
        ("trap@sub.old.example", None),
        ([TRAP, "bob@example.net"], None),
        ([], None),
    ],
)
async def test_traps_may_be_keys_of_the_store(store: Store, rcpt, option) -> None:
    await store.set("sptr_" + TRAP, b"1")
    await store.set("sptr_@old.example", b"")
    async with bench("", store=store) as one:
        result = await one.scan(mail(rcpt=rcpt))
    assert result.hits == ({"SPAMTRAP": [option]} if option else {})


async def test_with_a_map_the_store_is_not_asked(store: Store) -> None:
    await store.set("sptr_bob@example.net", b"1")
    async with bench(store=store) as one:
        assert (await one.scan(mail(rcpt="bob@example.net"))).hits == {}


async def test_the_prefix_of_keys_is_configured(store: Store) -> None:
    await store.set("x" + TRAP, b"1")
    async with bench('key_prefix = "x";', store=store) as one:
        assert (await one.scan(mail(rcpt=TRAP))).hits == {"SPAMTRAP": [TRAP]}


@pytest.mark.parametrize("by_map", [True, False])
@pytest.mark.parametrize(
    "rcpt, option",
    [
        ("trap+a@example.net", TRAP),
        ("Trap+a@Example.net", TRAP),
        ("old@example.net", TRAP),
        ("trap+sold@example.org", "trap+sold@example.org"),
        ("bob+trap@example.net", None),
    ],
)
async def test_a_trap_counts_as_it_is_written_and_as_the_mailbox_it_is(
    store: Store, rcpt, option, by_map
) -> None:
    await store.set("sptr_" + TRAP, b"1")
    await store.set("sptr_trap+sold@example.org", b"1")
    aliases = f'aliases {{ rspamd_aliases {{ "old@example.net" = "{TRAP}"; }} }}'
    traps = 'map = ["/^trap@example\\\\.net$/", "/^trap\\\\+sold@/"];' if by_map else ""
    config = f"{CORE} {aliases} spamtrap {{ {traps} }}"
    async with Bench([Aliases, Spamtrap], config=config, store=store) as one:
        result = await one.scan(mail(rcpt=rcpt))
    assert result.hits.get("SPAMTRAP") == ([option] if option else None)


SEVERAL = ["bob@example.net", TRAP, "x@old.example", "Trap@example.net", "y@old.example"]


async def test_several_recipients_count_where_that_is_allowed(store: Store) -> None:
    await store.set("sptr_" + TRAP, b"1")
    await store.set("sptr_@old.example", b"1")
    async with bench("allow_multiple_rcpts = true;", store=store) as one:
        result = await one.scan(mail(rcpt=SEVERAL))
    assert result.hits == {"SPAMTRAP": [TRAP, "old.example"]}
    async with bench(MAP + "allow_multiple_rcpts = true;") as one:
        result = await one.scan(mail(rcpt=SEVERAL))
        assert result.hits == {"SPAMTRAP": [TRAP]}
        assert (await one.scan(mail(rcpt=["a@x.example", "b@x.example"]))).hits == {}


# --- what follows -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, action, message",
    [
        ("", "no action", None),
        ('action = "no action";', "no action", "message accepted"),
        ("action = reject;", "reject", "message rejected"),
        ("action = discard;", "discard", "unknown error"),
        ("action = accept;", "no action", "message accepted"),
        ('action = reject; smtp_message = "$rcpt is a trap";', "reject", f"{TRAP} is a trap"),
        ('action = reject; smtp_message = "${rcpt}: 100 $ off";', "reject", f"{TRAP}: 100 $ off"),
    ],
)
async def test_the_action_and_its_text_are_configured(options, action, message) -> None:
    async with bench(MAP + options) as one:
        result = await one.scan(mail(rcpt=TRAP))
    assert result.hits == {"SPAMTRAP": [TRAP]}
    assert result.action == action
    assert result.task.result.messages.get("smtp_message") == message


async def test_symbol_and_score_are_configured() -> None:
    async with bench(MAP + 'symbol = "TRAP"; score = 7.5;') as one:
        assert (await one.scan(mail(rcpt=TRAP))).scores == {"TRAP": 7.5}


@pytest.mark.parametrize("learn", [True, False])
async def test_what_is_to_be_learnt_as_spam_is_marked_and_scanned_to_the_end(learn) -> None:
    options = MAP + f"action = reject; learn_spam = {str(learn).lower()};"
    async with bench(options, modules=(Spamtrap, Decides)) as one:
        result = await one.scan(mail(rcpt=TRAP))
        other = await one.scan(mail())
    assert result.action == "reject"
    assert ("learn_spam" in result.task.flags) == learn
    assert result.outcomes["LATER"].reason == ("" if learn else "pre-result")
    assert "learn_spam" not in other.task.flags


async def test_what_fuzzy_storages_are_to_learn_is_left_for_them() -> None:
    async with bench(MAP + "learn_fuzzy = true; fuzzy_flag = 11; fuzzy_weight = 2.5;") as one:
        result = await one.scan(mail(rcpt=TRAP))
        other = await one.scan(mail())
    assert result.task.variables["fuzzy_learn"] == [FuzzyLesson(flag=11, weight=2.5)]
    assert "fuzzy_learn" not in other.task.variables
    async with bench(MAP + "learn_fuzzy = true;") as one:
        lessons = (await one.scan(mail(rcpt=TRAP))).task.variables["fuzzy_learn"]
    assert lessons == [FuzzyLesson(flag=1, weight=10.0)]


async def test_what_is_decided_is_not_looked_at() -> None:
    async with bench(modules=(Spamtrap, Decides)) as one:
        result = await one.scan(mail(rcpt=TRAP, headers={"Subject": "reject me"}))
    assert (result.action, result.hits) == ("reject", {})


# --- directions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ip, user, options, skipped",
    [
        (PUBLIC, None, "", ""),
        (LOCAL, None, "", "local"),
        (PUBLIC, "anna", "", "authenticated"),
        (LOCAL, "anna", "", "authenticated"),
        (None, None, "", ""),
        (None, "anna", "", "authenticated"),
        (LOCAL, None, "check_local = true;", ""),
        (PUBLIC, "anna", "check_local = true;", "authenticated"),
        (LOCAL, "anna", "check_local = true;", "authenticated"),
        (LOCAL, None, "check_authed = true;", "local"),
        (PUBLIC, "anna", "check_authed = true;", ""),
        (LOCAL, "anna", "check_authed = true;", "local"),
        (LOCAL, "anna", "check_local = true; check_authed = true;", ""),
        (None, "anna", "check_authed = true;", ""),
    ],
)
async def test_our_own_people_may_write_to_traps(ip, user, options, skipped) -> None:
    config = f"{CORE} spamtrap {{ {MAP} {options} }}"
    result = await explain(Spamtrap, mail(rcpt=TRAP, ip=ip, user=user), config=config)
    assert result.skipped == skipped
    assert result.hits == ({} if skipped else {"SPAMTRAP": [TRAP]})


@pytest.mark.parametrize("option", ["check_local", "check_authed"])
async def test_the_options_of_all_modules_count_where_ours_are_unset(option) -> None:
    letter = mail(rcpt=TRAP, **({"ip": LOCAL} if option == "check_local" else {"user": "anna"}))
    config = f"{CORE} options {{ {option} = true; }} spamtrap {{ {MAP} %s }}"
    assert (await explain(Spamtrap, letter, config=config % "")).hits == {"SPAMTRAP": [TRAP]}
    assert (await explain(Spamtrap, letter, config=config % f"{option} = false;")).skipped


# --- configuration and trouble ------------------------------------------------------------


def test_it_is_off_as_shipped(tmp_path) -> None:
    app = build(str(tmp_path), environment={})
    assert [one.enabled for one in app.modules if one.module.name == "spamtrap"] == [False]


@pytest.mark.parametrize(
    "options, complaint",
    [
        ("fuzzy_flag = -1;", "fuzzy_flag"),
        ("action = rejekt;", "expected an action"),
        ('map = "redis://x";', "map"),
        ("score = much;", "score"),
    ],
)
def test_mistakes_are_named(options, complaint) -> None:
    with pytest.raises(ConfigError, match=complaint):
        build_app([Spamtrap], config=f"spamtrap {{ {options} }}")


async def test_without_a_store_there_are_no_traps(broken_store: Store, caplog) -> None:
    async with bench("action = reject;", store=broken_store) as one:
        with caplog.at_level(logging.ERROR, "gatepost.task"):
            result = await one.scan(mail(rcpt=TRAP))
    assert (result.action, result.hits) == ("no action", {})
    assert "spamtrap: the traps cannot be looked up" in caplog.text


@pytest.mark.parametrize(
    "rcpt", ["trap", "trap@", "@example.net", "caf\udce9@x", "\ud800@x", "É@x"]
)
async def test_any_recipient_can_be_looked_up(store: Store, rcpt) -> None:
    async with bench("allow_multiple_rcpts = true;", store=store) as one:
        result = await one.scan(mail(raw=b"Subject: x\n\n", rcpt=[rcpt, "bob@example.net"]))
    assert result.hits == {}
    assert result.outcomes["SPAMTRAP_CHECK"].outcome == "ran"
