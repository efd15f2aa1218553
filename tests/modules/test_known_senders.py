# SPDX-License-Identifier: Apache-2.0
"""Which senders are known: from what they wrote, what we wrote, and what they answered."""

from __future__ import annotations

import logging
from hashlib import md5

import pytest

from gatepost.app import build
from gatepost.config import ConfigError
from gatepost.modules.aliases import Aliases
from gatepost.modules.known_senders import KnownSenders
from gatepost.modules.replies import Replies
from gatepost.scan.correspondents import CorrespondentOptions, address_key, everybody_key
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.store import Store
from gatepost.testing import NOW, Bench, Letter, build_app, mail

LOCAL, PUBLIC = "10.1.2.3", "203.0.113.7"
DOMAINS = 'domains = ["free.example", "mail.example"];'
CORE = 'options { local_addrs = "10.0.0.0/8"; } actions { reject = 15; "add header" = 6; } '
EVERYBODY = everybody_key(CorrespondentOptions())
EVE = "eve@free.example"


class Spams(Module):
    """Makes spam of letters whose subject says so."""

    name = "spams"
    group = "spams"
    outbound = RunAlways()
    SPAM = Symbol("SPAM", 7.0)

    @runs(Stage.FILTER, callback="SPAMS")
    def check(self, task: Task) -> PlainHits:
        """Looks at the subject."""
        if task.message.subject == "spam":
            yield self.SPAM()


def bench(options: str = "", *, store: Store | None = None, modules=(KnownSenders,)) -> Bench:
    config = f"{CORE} known_senders {{ {DOMAINS} {options} }}"
    return Bench(modules, config=config, store=store)


def member(address: str) -> str:
    return md5(address.encode()).hexdigest()


def letter(author: str | None, sender: str | None = None, **more) -> Letter:
    """A letter whose author is ``author`` and whose envelope sender is ``sender``."""
    headers = {"From": author or "", **more.pop("headers", {})}
    return mail(sender=author if sender is None else sender, headers=headers, **more)


# --- senders ------------------------------------------------------------------------------


async def test_a_sender_is_unknown_once(store: Store) -> None:
    async with bench(store=store) as one:
        first = await one.scan(letter(EVE))
        second = await one.scan(letter(EVE), now=NOW + 10)
        other = await one.scan(letter("bob@free.example"), now=NOW + 20)
    assert first.hits == {"UNKNOWN_SENDER": [f"mime:{member(EVE)}"]}
    assert second.hits == {"KNOWN_SENDER": [f"mime:{member(EVE)}"]}
    assert list(other.hits) == ["UNKNOWN_SENDER"]
    assert (first.score, second.score) == (0.5, -1.0)
    kept = await store.ranked_list("rs_known_senders")
    assert kept == [(member("bob@free.example"), NOW + 20), (member(EVE), NOW)]


@pytest.mark.parametrize(
    "author, sender, options",
    [
        (EVE, EVE, [f"mime:{member(EVE)}"]),
        (EVE, "bounce@example.org", [f"mime:{member(EVE)}"]),
        ("desk@example.org", EVE, [f"smtp:{member(EVE)}"]),
        (EVE, "x@mail.example", [f"mime:{member(EVE)}", f"smtp:{member('x@mail.example')}"]),
        (EVE, "", [f"mime:{member(EVE)}"]),
        ("Eve@Free.Example", "", [f"mime:{member('Eve@Free.Example')}"]),
        ("desk@example.org", "desk@example.org", None),
        ("eve@sub.free.example", "", None),
        (None, "", None),
        (None, EVE, [f"smtp:{member(EVE)}"]),
        ("desk@example.org, " + EVE, "", None),  # the first author counts
        ("free.example", "", None),
    ],
)
async def test_author_and_envelope_sender_are_looked_at(author, sender, options) -> None:
    async with bench() as one:
        result = await one.scan(letter(author, sender))
    assert result.hits == ({} if options is None else {"UNKNOWN_SENDER": options})


async def test_of_two_one_may_be_known() -> None:
    async with bench() as one:
        await one.scan(letter(EVE))
        result = await one.scan(letter(EVE, "x@mail.example"))
    assert result.hits == {
        "KNOWN_SENDER": [f"mime:{member(EVE)}"],
        "UNKNOWN_SENDER": [f"smtp:{member('x@mail.example')}"],
    }


@pytest.mark.parametrize("second", ["eve+b@free.example", "eve@free.example", "pen@x.example"])
async def test_a_sender_is_known_by_the_mailbox(store: Store, second) -> None:
    pen = f'aliases {{ rspamd_aliases {{ "pen@x.example" = "{EVE}"; }} }}'
    config = f"{CORE} {pen} known_senders {{ {DOMAINS} }}"
    async with Bench([Aliases, KnownSenders], config=config, store=store) as one:
        first = await one.scan(letter("eve+a@free.example"))
        result = await one.scan(letter(second))
    assert first.hits["UNKNOWN_SENDER"] == [f"mime:{member(EVE)}"]
    assert result.hits["KNOWN_SENDER"] == [f"mime:{member(EVE)}"]


async def test_the_mailbox_counts_for_recipients_too(store: Store) -> None:
    await store.ranked_add(address_key("carol@example.net"), "bob@example.net", NOW, keep=5)
    async with Bench(
        [Aliases, KnownSenders], config=f"{CORE} known_senders {{ {DOMAINS} }}", store=store
    ) as one:
        await one.scan(mail(user="anna", rcpt="eve+news@free.example"))
        assert "KNOWN_SENDER" in (await one.scan(letter(EVE))).hits
        from_carol = mail(rcpt="bob+x@example.net", headers={"From": "carol@example.net"})
        assert "INC_MAIL_KNOWN_LOCALLY" in (await one.scan(from_carol)).hits


async def test_no_more_senders_are_kept_than_configured(store: Store) -> None:
    async with bench("max_senders = 2;", store=store) as one:
        for number, name in enumerate("abac"):  # a second letter does not renew a sender
            await one.scan(letter(f"{name}@free.example"), now=NOW + number)
        assert list((await one.scan(letter("b@free.example"), now=NOW + 9)).hits) == [
            "KNOWN_SENDER"
        ]
        assert list((await one.scan(letter("a@free.example"), now=NOW + 9)).hits) == [
            "UNKNOWN_SENDER"
        ]


async def test_key_and_symbols_are_configured(store: Store) -> None:
    options = 'redis_key = "seen"; symbol = "OLD"; symbol_unknown = "NEW";'
    async with bench(options, store=store) as one:
        assert list((await one.scan(letter(EVE))).hits) == ["NEW"]
        assert list((await one.scan(letter(EVE))).hits) == ["OLD"]
    assert await store.ranked_scores("seen", [member(EVE)]) == [NOW]


# --- who has answered whom ----------------------------------------------------------------


async def test_who_has_answered_a_recipient_is_known(store: Store) -> None:
    await store.ranked_add(address_key("carol@example.net"), "bob@example.net", NOW, keep=5)
    from_carol = {"headers": {"From": "Carol@example.net"}}
    async with bench(store=store) as one:
        known = await one.scan(mail(rcpt=["x@example.net", "bob@example.net"], **from_carol))
        other = await one.scan(mail(rcpt="x@example.net", **from_carol))
        nobody = await one.scan(mail(rcpt=[], **from_carol))
        reply_to = {"headers": {"Reply-To": "carol@example.net"}}
        replied = await one.scan(mail(rcpt="bob@example.net", **reply_to))
        without = await one.scan(mail(rcpt="bob@example.net", headers={"Reply-To": "nobody:;"}))
    assert known.hits == {"INC_MAIL_KNOWN_LOCALLY": [address_key("carol@example.net")]}
    assert known.score == -1.0
    assert (other.hits, nobody.hits, without.hits) == ({}, {}, {})
    assert list(replied.hits) == ["INC_MAIL_KNOWN_LOCALLY"]


@pytest.mark.parametrize("options, known", [("", True), ("max_recipients = 14;", False)])
async def test_so_many_recipients_are_looked_at(store: Store, options, known) -> None:
    await store.ranked_add(address_key("alice@example.org"), "r14@example.net", NOW, keep=5)
    recipients = [f"r{number}@example.net" for number in range(20)]
    async with bench(options, store=store) as one:
        result = await one.scan(mail(rcpt=recipients))
    assert list(result.hits) == (["INC_MAIL_KNOWN_LOCALLY"] if known else [])


async def test_one_of_ours_who_was_answered_is_known(store: Store) -> None:
    await store.ranked_increment(EVERYBODY, "alice@example.org", 1, keep=5)
    async with bench(store=store) as one:
        result = await one.scan(mail())
        other = await one.scan(mail(sender="Alice@example.org"))
    assert result.hits == {"INC_MAIL_KNOWN_GLOBALLY": ["alice@example.org"]}
    assert (result.score, other.hits) == (-1.0, {})


async def test_an_answer_makes_both_known_at_once() -> None:
    async with bench(modules=(Replies, KnownSenders)) as one:
        await one.scan(mail(user="alice", rcpt=EVE))
        headers = {"In-Reply-To": "<letter@example.org>", "Message-ID": "<a@free.example>"}
        answer = await one.scan(mail(sender=EVE, rcpt="alice@example.org", headers=headers))
        assert set(answer.hits) == {"REPLY", "KNOWN_SENDER", "INC_MAIL_KNOWN_LOCALLY"}
        assert "INC_MAIL_KNOWN_GLOBALLY" in (await one.scan(mail(user="alice"))).hits


# --- directions ---------------------------------------------------------------------------


@pytest.mark.parametrize("user", [None, "anna"])
@pytest.mark.parametrize("ip", [PUBLIC, LOCAL, None])
async def test_senders_of_every_direction_are_kept(ip, user) -> None:
    async with bench() as one:
        assert list((await one.scan(letter(EVE, ip=ip, user=user))).hits) == ["UNKNOWN_SENDER"]
        assert list((await one.scan(letter(EVE, ip=ip, user=user))).hits) == ["KNOWN_SENDER"]


@pytest.mark.parametrize(
    "ip, user, options, learnt",
    [
        (PUBLIC, None, "", False),
        (LOCAL, None, "", True),
        (PUBLIC, "anna", "", True),
        (LOCAL, "anna", "", True),
        (None, None, "", False),
        (None, "anna", "", True),
        (LOCAL, "anna", "learn_outbound = false;", False),
    ],
)
async def test_whom_our_own_people_write_to_is_known(ip, user, options, learnt) -> None:
    async with bench(options) as one:
        assert (await one.scan(mail(ip=ip, user=user, rcpt=[EVE, "x@example.net"]))).hits == {}
        found = (await one.scan(letter(EVE))).hits
        assert list(found) == ["KNOWN_SENDER" if learnt else "UNKNOWN_SENDER"]
        assert (await one.scan(letter("x@example.net"))).hits == {}


@pytest.mark.parametrize(
    "sent, learnt",
    [
        ({}, True),
        ({"headers": {"Subject": "spam"}}, False),
        ({"request": {"User-Agent": "rspamc"}}, False),
        ({"rcpt": "Eve@Free.Example"}, True),
        ({"rcpt": [f"{n}@example.net" for n in range(14)] + [EVE]}, True),
        ({"rcpt": [f"{n}@example.net" for n in range(15)] + [EVE]}, False),
    ],
)
async def test_spam_trials_and_large_lists_make_nobody_known(sent, learnt) -> None:
    async with bench(modules=(KnownSenders, Spams)) as one:
        await one.scan(mail(**{"user": "anna", "rcpt": EVE, **sent}))
        found = (await one.scan(letter(EVE))).hits
    assert list(found) == ["KNOWN_SENDER" if learnt else "UNKNOWN_SENDER"]


async def test_settings_that_enable_others_by_name_leave_learning_on() -> None:
    rule = """settings { minimal { priority = high; authenticated = yes;
        apply { groups_enabled = ["fuzzy"]; } } }"""
    config = f"{CORE} known_senders {{ {DOMAINS} }} {rule}"
    async with Bench([KnownSenders], config=config) as one:
        await one.scan(mail(user="anna", rcpt=EVE))
        assert list((await one.scan(letter(EVE))).hits) == ["KNOWN_SENDER"]


def test_the_table_of_directions() -> None:
    app = build_app([KnownSenders], config=f"known_senders {{ {DOMAINS} }}")
    (loaded,) = app.modules
    assert {loaded.module.ruling(d).effect for d in ALL_DIRECTIONS.values()} == {"run"}
    assert loaded.module.outbound.override == ()


# --- configuration ------------------------------------------------------------------------


def test_it_is_off_as_shipped(tmp_path) -> None:
    app = build(str(tmp_path), environment={})
    assert [one.enabled for one in app.modules if one.module.name == "known_senders"] == [False]


async def test_without_domains_only_answers_are_looked_at(store: Store) -> None:
    await store.ranked_increment(EVERYBODY, EVE, 1, keep=5)
    async with Bench([KnownSenders], store=store) as one:
        result = await one.scan(letter(EVE))
        warnings = [problem.message for problem in one.app.problems.warnings]
    assert list(result.hits) == ["INC_MAIL_KNOWN_GLOBALLY"]
    assert any("no sender is kept" in warning for warning in warnings)


def test_a_bloom_filter_is_not_used() -> None:
    app = build_app([KnownSenders], config=f"known_senders {{ {DOMAINS} use_bloom = true; }}")
    assert any("use_bloom" in problem.message for problem in app.problems.warnings)


@pytest.mark.parametrize(
    "options", ["max_senders = 0;", "max_recipients = -1;", "sender_key_size = 0;"]
)
def test_mistakes_are_named(options) -> None:
    with pytest.raises(ConfigError, match=options.split()[0]):
        build_app([KnownSenders], config=f"known_senders {{ {DOMAINS} {options} }}")


# --- trouble ------------------------------------------------------------------------------


async def test_without_a_store_nobody_is_known(broken_store: Store, caplog) -> None:
    async with bench(store=broken_store) as one:
        with caplog.at_level(logging.ERROR, "gatepost.task"):
            result = await one.scan(letter(EVE, user="anna", rcpt="bob@free.example"))
    assert result.hits == {}
    assert all(outcome.outcome == "ran" for outcome in result.outcomes.values())
    for text in ("the set cannot be used", "who answered whom", "recipients cannot be kept"):
        assert text in caplog.text


@pytest.mark.parametrize(
    "address", ["caf\udce9@free.example", '"a b"@free.example', "@free.example"]
)
async def test_any_address_can_be_kept(store: Store, address) -> None:
    async with bench(store=store) as one:
        await one.scan(mail(raw=b"Subject: x\n\n", sender=address, user="anna", rcpt=address))
        result = await one.scan(mail(raw=b"Subject: x\n\n", sender=address))
    assert list(result.hits) == ["KNOWN_SENDER"]
    assert all(outcome.outcome == "ran" for outcome in result.outcomes.values())
