# SPDX-License-Identifier: Apache-2.0
"""Whose ids are kept, which letters answer them, and what that means for each direction."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gatepost.config import ConfigError
from gatepost.modules.aliases import Aliases
from gatepost.modules.replies import Replies
from gatepost.scan.correspondents import address_key
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.scan.module import Module, RunAlways, Stage, runs
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import hashed
from gatepost.store import Store
from gatepost.store.sqlite import SqliteStore
from gatepost.testing import NOW, Bench, Letter, Scanned, build_app, mail

LOCAL, PUBLIC = "10.1.2.3", "203.0.113.7"
CORE = 'options { local_addrs = "10.0.0.0/8"; } '
ID = "<letter@example.org>"
FORCE = 'action = "no action";'
KEY = 'cookie_key = "0123456789abcdef0123456789abcdef";'
HELLO = KEY + "cookie = hello;"
COOKIE = "<HmzWuB+wb1zU6RbU8pIIazwkjD/s6kERnnsnUCUDxfc=@example.org>"  # rspamadm cookie -k … hello
SENT = 1795724018
DAY = 86_400
EVERYBODY = "rsrk" + hashed("verified_senders", 20)


def bench(options: str = "", *, store: Store | None = None, modules=(Replies,), **more) -> Bench:
    return Bench(modules, config=f"{CORE} replies {{ {options} }}", store=store, **more)


def sent(message_id: str = ID, *, user: str | None = "alice", reply_to: str = "", **more) -> Letter:
    """A letter of ours, from alice@example.org to bob@example.net."""
    headers = {"Message-ID": message_id, "Reply-To": reply_to}
    return mail(user=user, headers=headers, **more)


def answer(in_reply_to: str = ID, *, rcpt: str | list[str] = "alice@example.org", **more) -> Letter:
    """A letter from bob@example.net to alice@example.org."""
    headers = {"In-Reply-To": in_reply_to, "Message-ID": "<answer@example.net>"}
    return mail(sender="bob@example.net", rcpt=rcpt, headers=headers, **more)


async def answered(first: Letter, second: Letter, options: str = "") -> Scanned:
    async with bench(options) as one:
        await one.scan(first)
        return await one.scan(second, now=NOW + 60)


# --- what is an answer --------------------------------------------------------------------


async def test_an_answer_to_a_letter_of_ours_is_known(store: Store) -> None:
    async with bench(store=store) as one:
        assert (await one.scan(answer())).hits == {}
        assert (await one.scan(sent())).hits == {}
        result = await one.scan(answer(), now=NOW + 60)
    assert (result.hits, result.scores) == ({"REPLY": []}, {"REPLY": -4.0})
    assert result.task.pre_result is None


@pytest.mark.parametrize(
    "ours, theirs, known",
    [
        (sent(), answer("<other@example.org>"), False),
        (sent(), answer("letter@example.org"), False),
        (sent(), answer(f"{ID} (yours)"), False),
        (sent(), answer(f"{ID} <second@example.org>"), False),
        (sent(), answer(f"\r\n {ID}"), True),
        (sent(), answer("<Letter@example.org>"), False),
        (sent(f"{ID} "), answer(f"{ID}"), False),  # as rspamd: byte for byte
        (sent(), answer(""), False),
        (sent(), answer(rcpt="ALICE@Example.org"), True),
        (sent(), answer(rcpt=["alice@example.org", "Alice@example.org"]), True),
        (sent(), answer(rcpt="eve@example.org"), False),
        (sent(), answer(rcpt=["alice@example.org", "eve@example.org"]), False),
        (sent(), answer(rcpt=[]), False),
        (sent(reply_to="desk@example.org"), answer(), False),
        (sent(reply_to="desk@example.org"), answer(rcpt="desk@example.org"), True),
        (sent(reply_to="undisclosed:;"), answer(), False),
        (sent("<>"), answer("<>"), False),  # not longer than two bytes
        (sent("<1>"), answer("<1>"), True),
    ],
)
async def test_the_id_must_be_ours_and_all_recipients_the_one_it_is_for(
    ours, theirs, known
) -> None:
    assert (await answered(ours, theirs)).hits == ({"REPLY": []} if known else {})


@pytest.mark.parametrize(
    "ours, rcpt, known",
    [
        (sent(sender="alice+shop@example.org"), "alice+shop@example.org", True),
        (sent(sender="alice+shop@example.org"), "ALICE+Shop@example.org", True),
        (sent(), "alice+shop@example.org", True),
        (sent(), "desk@example.org", True),
        (sent(), ["alice@example.org", "desk@example.org"], True),
        (sent(sender="alice+shop@example.org"), "alice@example.org", False),
        (sent(), "bob+alice@example.org", False),
    ],
)
async def test_an_answer_may_go_to_the_mailbox_or_as_the_address_was_written(
    store: Store, ours, rcpt, known
) -> None:
    desk = 'aliases { rspamd_aliases { "desk@example.org" = "alice@example.org"; } }'
    async with Bench([Aliases, Replies], config=CORE + desk, store=store) as one:
        await one.scan(ours)
        result = await one.scan(answer(rcpt=rcpt))
    assert ("REPLY" in result.hits) is known
    # who was answered is kept by the mailbox
    expected = {"alice@example.org"} if known else set()
    kept = await store.ranked_list(EVERYBODY)
    assert {address.lower() for address, _ in kept} == expected


async def test_how_short_an_id_may_be_is_configured() -> None:
    result = await answered(sent("<1>"), answer("<1>"), "min_message_id = 3;")
    assert result.hits == {}


async def test_references_do_not_count() -> None:
    headers = {"References": ID, "In-Reply-To": ""}
    result = await answered(sent(), mail(rcpt="alice@example.org", headers=headers))
    assert result.hits == {}


@pytest.mark.parametrize(
    "options, hours, known",
    [("", 23, True), ("", 25, False), ("expire = 2h;", 1.9, True), ("expire = 2h;", 2.1, False)],
)
async def test_ids_are_kept_for_a_while(tmp_path: Path, options, hours, known) -> None:
    clock = [NOW]
    store = SqliteStore(tmp_path / "state.sqlite", clock=lambda: clock[0])
    async with bench(options, store=store) as one:
        await one.scan(sent())
        clock[0] += 3600 * hours
        assert (await one.scan(answer(), now=clock[0])).hits == ({"REPLY": []} if known else {})
    await store.close()


@pytest.mark.parametrize(
    "message_id, key",
    [
        # written by Debian's rspamd 3.4
        ("<abc@x.org>", "rrbrwgkujy5toitr6yt7ex"),
        ("<abc@x.org>  ", "rrezj6jgnznum7qajtriko"),
        ("<abc@x.org> (hello)", "rr1rm355uyanscwtqeahpy"),
        ("\r\n <abc@x.org>", "rrbrwgkujy5toitr6yt7ex"),
        ("<abc\r\n @x.org>\t", "rrokzzrzs3a6bzigq3wnwx"),
        ("<abc@x.org>\r\n ", "rrbrwgkujy5toitr6yt7ex"),
    ],
)
async def test_the_keys_are_those_of_rspamd(store: Store, message_id, key) -> None:
    letter = sent(message_id)
    raw = letter.raw.replace(b"From: alice@example.org", b"From: Ann <Ann@B.org>")
    async with bench(store=store) as one:
        await one.scan(mail(raw=raw, user="ann"))
        assert await store.get(key) == b"cq6af54q"


async def test_keys_are_configured(store: Store) -> None:
    options = 'key_prefix = "x"; key_size = 10; sender_prefix = "y"; sender_key_size = 5;'
    async with bench(options + 'sender_key_global = "all";', store=store) as one:
        await one.scan(sent())
        await one.scan(answer())
    assert await store.get("x" + hashed(ID, 10)) is not None
    assert await store.ranked_list("y" + hashed("all", 5)) == [("alice@example.org", 1.0)]


# --- who has answered whom ----------------------------------------------------------------


async def test_who_was_answered_by_whom_is_kept(store: Store) -> None:
    async with bench(store=store) as one:
        for number in (1, 2):
            await one.scan(sent(f"<{number}@example.org>"))
            await one.scan(answer(f"<{number}@example.org>"), now=NOW + number)
        await one.scan(sent("<3@example.org>", sender="carol@example.org"))
        await one.scan(answer("<3@example.org>", rcpt="Carol@example.org"), now=NOW + 3)
    bob = await store.ranked_list(address_key("bob@example.net"))
    assert bob == [("Carol@example.org", NOW + 3), ("alice@example.org", NOW + 2)]
    assert await store.ranked_list(EVERYBODY) == [
        ("alice@example.org", 2.0),
        ("Carol@example.org", 1.0),
    ]


async def test_the_sets_are_bounded(store: Store) -> None:
    async with bench("max_local_size = 2; max_global_size = 3;", store=store) as one:
        for number in range(6):
            message_id, address = f"<{number}@example.org>", f"u{number}@example.org"
            await one.scan(sent(message_id, sender=address))
            await one.scan(answer(message_id, rcpt=address), now=NOW + number)
    local = await store.ranked_list(address_key("bob@example.net"))
    assert [address for address, _ in local] == ["u5@example.org", "u4@example.org"]
    assert len(await store.ranked_list(EVERYBODY)) == 4  # a newcomer beside the three


async def test_what_is_no_answer_leaves_the_sets_alone(store: Store) -> None:
    async with bench(store=store) as one:
        await one.scan(sent())
        await one.scan(answer(rcpt=["alice@example.org", "eve@example.org"]))
    assert await store.ranked_list(EVERYBODY) == []
    assert await store.ranked_list(address_key("bob@example.net")) == []


# --- directions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ip, user, options, stored",
    [
        (PUBLIC, None, "", False),
        (LOCAL, None, "", True),
        (PUBLIC, "anna", "", True),
        (LOCAL, "anna", "", True),
        (None, None, "", False),
        (None, "anna", "", True),
        (LOCAL, None, "use_local = false;", False),
        (PUBLIC, "anna", "use_local = false;", True),
        (LOCAL, "anna", "use_local = false;", True),
        (LOCAL, None, "use_auth = false;", True),
        (PUBLIC, "anna", "use_auth = false;", False),
        (LOCAL, "anna", "use_auth = false;", True),
        (LOCAL, "anna", "use_auth = false; use_local = false;", False),
        (PUBLIC, "", "", False),
    ],
)
async def test_the_ids_of_our_own_letters_are_stored(ip, user, options, stored) -> None:
    result = await answered(sent(ip=ip, user=user), answer(), options)
    assert result.hits == ({"REPLY": []} if stored else {})


@pytest.mark.parametrize(
    "ip, user, options, forced",
    [
        (PUBLIC, None, "", True),
        (None, None, "", True),
        (LOCAL, None, "", False),
        (PUBLIC, "bob", "", False),
        (LOCAL, "bob", "", False),
        (None, "bob", "", False),
        (LOCAL, None, "use_local = false;", False),
        (PUBLIC, "bob", "use_auth = false;", False),
        (LOCAL, "bob", "use_auth = false; use_local = false;", False),
    ],
)
async def test_an_action_is_forced_for_inbound_answers_only(ip, user, options, forced) -> None:
    async with bench(options + HELLO + FORCE) as one:
        result = await one.scan(answer(COOKIE, ip=ip, user=user), now=SENT)
    assert list(result.hits) == ["REPLY"]
    assert (result.task.pre_result is not None) == forced


@pytest.mark.parametrize("user, forced", [(None, True), ("bob", False)])
async def test_so_it_is_where_the_id_was_stored(user, forced) -> None:
    result = await answered(sent(), answer(user=user), FORCE)
    assert list(result.hits) == ["REPLY"]
    assert (result.task.pre_result is not None) == forced


def test_the_table_of_directions() -> None:
    app = build_app([Replies])
    (loaded,) = app.modules
    found = {kind: loaded.module.ruling(d).effect for kind, d in ALL_DIRECTIONS.items()}
    assert found == {"inbound": "run", "local": "adapt", "authenticated": "adapt", "both": "adapt"}
    assert loaded.module.outbound.override == ()


class Rejects(Module):
    """Rejects letters of ours before anything else is done."""

    name = "rejects"
    group = "rejects"
    outbound = RunAlways()

    @runs(Stage.PREFILTER, callback="REJECTS", priority=9)
    def check(self, task: Task) -> None:
        """Everything that has a user."""
        if task.user:
            task.set_pre_result("reject", "no", module="rejects")


async def test_the_id_of_a_rejected_letter_is_stored_too() -> None:
    async with bench(modules=(Replies, Rejects)) as one:
        assert (await one.scan(sent())).action == "reject"
        assert (await one.scan(answer())).hits == {"REPLY": []}


async def test_settings_that_enable_others_by_name_leave_storing_on() -> None:
    rule = """settings { minimal { priority = high; authenticated = yes;
        apply { groups_enabled = ["fuzzy"]; } } }"""
    async with Bench([Replies], config=CORE + rule) as one:
        await one.scan(sent())
        assert (await one.scan(answer())).hits == {"REPLY": []}


# --- what an answer means -----------------------------------------------------------------


async def test_the_forced_action_has_a_text() -> None:
    result = await answered(sent(), answer(), FORCE)
    assert result.action == "no action"
    assert result.verdict.forced_by is not None
    assert result.verdict.forced_by.message == "Message is reply to one we originated"
    result = await answered(sent(), answer(), FORCE + 'message = "welcome";')
    assert result.verdict.forced_by.message == "welcome"


async def test_symbol_and_score_are_configured() -> None:
    result = await answered(sent(), answer(), 'symbol = "ANSWER"; score = -2.5;')
    assert result.scores == {"ANSWER": -2.5}


# --- cookies ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, after, option",
    [
        (HELLO, 0, f"cookie:{SENT}"),
        (HELLO, 14 * DAY, f"cookie:{SENT}"),
        (HELLO, 14 * DAY + 1, None),
        (HELLO, -1, None),
        (HELLO + "cookie_valid_time = 1d;", DAY + 1, None),
        (KEY + "cookie = hell;", 0, None),
        (KEY + "cookie = HELLO;", 0, None),
        (KEY + 'cookie = "h.l"; cookie_is_pattern = true;', 0, f"cookie:hel:{SENT}"),
        (KEY + 'cookie = "h(.+)o"; cookie_is_pattern = true;', 0, f"cookie:ell:{SENT}"),
        (KEY + 'cookie = "^e"; cookie_is_pattern = true;', 0, None),
        ("", 0, None),
    ],
)
async def test_a_cookie_in_the_id_needs_no_record(options, after, option) -> None:
    async with bench(options) as one:
        result = await one.scan(answer(COOKIE), now=SENT + after)
    assert result.hits == ({"REPLY": [option]} if option else {})


async def test_a_cookie_forces_the_action_as_well_and_records_count_beside_it() -> None:
    async with bench(HELLO + FORCE) as one:
        forced = await one.scan(answer(COOKIE), now=SENT)
        assert forced.task.pre_result is not None
        await one.scan(sent())
        assert (await one.scan(answer())).hits == {"REPLY": []}


@pytest.mark.parametrize(
    "options, complaint",
    [
        ("action = rejekt;", "expected an action"),
        ("cookie = hello; cookie_key = secret;", "32 hexadecimal digits"),
        (KEY + 'cookie = "sixteen letters!";', "at most 15 bytes"),
        (KEY + 'cookie = "(h"; cookie_is_pattern = true;', "not a pattern"),
        ("key_size = 0;", "key_size"),
        ("max_global_size = 0;", "max_global_size"),
        ("expire = long;", "expire"),
    ],
)
def test_mistakes_are_named(options, complaint) -> None:
    with pytest.raises(ConfigError, match=complaint):
        build_app([Replies], config=f"replies {{ {options} }}")


@pytest.mark.parametrize(
    "options, warning",
    [
        ("cookie = hello;", "`cookie_key`"),
        (KEY, "`cookie_key`"),
        ("reply_sender_privacy = true;", "has no effect"),
    ],
)
def test_what_changes_nothing_is_worth_a_warning(options, warning) -> None:
    app = build_app([Replies], config=f"replies {{ {options} }}")
    assert any(warning in problem.message for problem in app.problems.warnings)


# --- trouble ------------------------------------------------------------------------------


async def test_without_a_store_there_are_no_answers(broken_store: Store, caplog) -> None:
    async with bench(store=broken_store) as one:
        with caplog.at_level(logging.ERROR, "gatepost.task"):
            ours, theirs = await one.scan(sent()), await one.scan(answer())
    assert (ours.hits, theirs.hits) == ({}, {})
    assert not [o for o in (*ours.outcomes.values(), *theirs.outcomes.values()) if o.reason]
    assert "replies: the id cannot be stored" in caplog.text
    assert "replies: the id cannot be looked up" in caplog.text


@pytest.mark.parametrize("value", ["\xff\xfe\xfd", "=?x?", "a\0b" * 100, "<" * 5000])
async def test_any_id_can_be_stored_and_answered(store: Store, value) -> None:
    async with bench(store=store) as one:
        await one.scan(
            mail(raw=b"From: a@b.org\nMessage-ID: %b\n\n" % value.encode("latin-1"), user="a")
        )
        raw = b"In-Reply-To: %b\n\n" % value.encode("latin-1")
        assert (await one.scan(mail(raw=raw, rcpt="a@b.org"))).hits == {"REPLY": []}
