# SPDX-License-Identifier: Apache-2.0
"""Who is limited, by which rates, after how many letters, and what the sender is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gatepost.modules.ratelimit import Ratelimit
from gatepost.scan.direction import Direction
from gatepost.scan.zbase32 import hashed
from gatepost.store import Store
from gatepost.testing import NOW, Bench, Letter, build_app, mail
from ratelimit_kit import LIMITED, LOCAL, PUBLIC, TWO_A_MINUTE, Waits, actions, bench, limited_after


async def test_the_third_letter_of_two_is_refused_for_now_and_time_heals(store: Store) -> None:
    letter = mail(user="anna")
    async with bench(store=store) as one:
        assert await actions(one, letter, letter, letter) == ["no action"] * 2 + ["soft reject"]
        refused = await one.scan(letter, now=NOW + 29)
        assert refused.action == "soft reject"
        assert refused.task.result.messages["smtp_message"] == LIMITED
        assert refused.hits == {}
        assert await actions(one, letter, letter, now=NOW + 31) == ["no action", "soft reject"]
        assert await actions(one, mail(user="berta"), now=NOW) == ["no action"]


@pytest.mark.parametrize("recipients, passes", [(3, True), (4, False), (1000, False)])
async def test_a_first_message_larger_than_the_burst_is_limited(
    store: Store, recipients: int, passes: bool
) -> None:
    rcpt = [f"r{i}@example.net" for i in range(recipients)]
    async with bench("rates { user = [3, 1]; }", store=store) as one:
        result = await one.scan(mail(user="anna", rcpt=rcpt))
    assert (result.action == "no action") is passes


async def test_recipients_count_unless_the_bucket_skips_them() -> None:
    letter = mail(user="anna", rcpt=["a@example.net", "b@example.net"])
    bucket = "rates {{ user {{ bucket {{ burst = 4; rate = 1; {} }} }} }}"
    assert await limited_after(bucket.format(""), letter) == 2
    assert await limited_after(bucket.format("skip_recipients = true;"), letter) == 4


@pytest.mark.parametrize(
    "subject, counts",
    [
        ("a letter", True),
        ("ham", True),
        ("spam", True),  # rejected by score: spam is not free of charge
        ("no action", True),
        ("add header", True),
        ("at least add header", True),
        ("soft reject", False),
        ("reject", False),
        ("discard", False),
    ],
)
async def test_only_what_was_sent_is_counted(store: Store, subject: str, counts: bool) -> None:
    letter = mail(user="anna", headers={"Subject": subject})
    async with bench("rates { user = [1, 0.001]; }", store=store) as one:
        await one.scan(letter)
        after = await one.scan(mail(user="anna"))
    assert (after.action == "soft reject") is counts


async def test_a_refused_letter_gives_back_what_other_rates_had_reserved(store: Store) -> None:
    options = "rates { user = [1, 0.001]; user_to = [3, 0.001]; }"
    async with bench(options, store=store) as one:
        await actions(one, *[mail(user="anna")] * 9)
        levels = [fields["b"] for fields in await buckets_of(one.store, "anna", "bob@example.net")]
    assert sorted(map(float, levels)) == [1.0, 1.0]


async def buckets_of(store: Store, user: str, rcpt: str) -> list[dict[str, bytes]]:
    raw = [f"100000:{user}", f"33333:{user}:{rcpt}"]
    return [await store.hash_get_all("RL" + hashed(key)[: min(24, len(key))]) for key in raw]


@pytest.mark.parametrize(
    "timeout, held",
    [
        ("", 30),
        ("options { task_timeout = 20s; }", 60),
        ('worker "normal" { task_timeout = 40s; }', 120),
    ],
)
async def test_what_a_message_that_never_finished_had_reserved_comes_back(
    store: Store, timeout: str, held: int
) -> None:
    Waits.reached = asyncio.Event()
    config = f"ratelimit {{ rates {{ user = [1, 0.001]; }} }} {timeout}"
    letter = mail(user="anna")
    async with Bench([Ratelimit, Waits], config=config, store=store) as hangs:
        scanning = asyncio.ensure_future(hangs.scan(letter))
        await Waits.reached.wait()
        scanning.cancel()
        await asyncio.gather(scanning, return_exceptions=True)
    async with Bench([Ratelimit], config=config, store=store) as one:
        assert await actions(one, letter, now=NOW + held - 1) == ["soft reject"]
        assert await actions(one, letter, now=NOW + held) == ["no action"]


@pytest.mark.parametrize(
    "ip, user, rate, limited",
    [
        # inbound: every rate whose words have a value
        (PUBLIC, None, "ip", True),
        (PUBLIC, None, "rip", True),
        (PUBLIC, None, "to", True),
        (PUBLIC, None, "from", True),
        (PUBLIC, None, "user", False),
        (PUBLIC, None, "user_ip", False),
        # a machine of ours without a user: as inbound, but it has no public address
        (LOCAL, None, "ip", True),
        (LOCAL, None, "rip", False),
        (LOCAL, None, "to", True),
        (LOCAL, None, "from_rip", False),
        # who logged in: only what knows the user, wherever he sits
        (PUBLIC, "anna", "user", True),
        (PUBLIC, "anna", "user_rip", True),
        (PUBLIC, "anna", "ip", False),
        (PUBLIC, "anna", "to", False),
        (PUBLIC, "anna", "from", False),
        (PUBLIC, "anna", "digest", False),
        (LOCAL, "anna", "user", True),
        (LOCAL, "anna", "user_rip", True),
        (LOCAL, "anna", "ip", False),
        # nobody told us where he is
        (None, "anna", "user", True),
        (None, None, "ip", False),
        (None, None, "to", True),
    ],
)
async def test_direction_chooses_the_rates(
    ip: str | None, user: str | None, rate: str, limited: bool
) -> None:
    found = await limited_after(f"rates {{ {rate} = [1, 0.001]; }}", mail(ip=ip, user=user), most=2)
    assert (found is not None) is limited


@pytest.mark.parametrize(
    "ip, user, rate, limited",
    [
        (PUBLIC, "anna", "ip", True),
        (PUBLIC, "anna", "to", True),
        (LOCAL, "anna", "to", True),
        (LOCAL, "anna", "rip", False),
        (LOCAL, "anna", "user_rip", False),
    ],
)
async def test_all_rates_for_users_as_rspamd_has_it(
    ip: str, user: str, rate: str, limited: bool
) -> None:
    options = f'authenticated_rates = "all"; rates {{ {rate} = [1, 0.001]; }}'
    assert (await limited_after(options, mail(ip=ip, user=user), most=2) is not None) is limited


@pytest.mark.parametrize("which, effect", [("user", "adapt"), ("all", "run")])
def test_the_table_of_directions_says_whether_users_are_special(which: str, effect: str) -> None:
    config = f'ratelimit {{ authenticated_rates = "{which}"; }}'
    [loaded] = build_app([Ratelimit], config=config).modules
    assert loaded.module.ruling(Direction(local=False, authenticated=True)).effect == effect
    assert loaded.module.ruling(Direction(local=True, authenticated=False)).effect == "run"


@pytest.mark.parametrize(
    "rate, applies",
    [
        ('mine { selector = "user.lower"; bucket = [1, 0.001]; }', True),
        ('mine { selector = "id(a);user"; bucket = [1, 0.001]; }', True),
        ('user_net { selector = "ip"; bucket = [1, 0.001]; }', True),  # its name says so
        ('mine { selector = "rcpts:user"; bucket = [1, 0.001]; }', False),
        ('mine { selector = "from(smtp):user"; bucket = [1, 0.001]; }', False),
        ("mine { selector = \"header('user')\"; bucket = [1, 0.001]; }", False),
    ],
)
async def test_a_selector_uses_the_user_when_it_asks_for_him(rate: str, applies: bool) -> None:
    letter = mail(user="anna", headers={"User": "x"})
    assert (await limited_after(f"rates {{ {rate} }}", letter, most=2) is not None) is applies


async def test_a_selector_that_gives_a_list_is_a_bucket_for_each() -> None:
    options = 'rates { each { selector = "rcpts:addr"; bucket = [2, 0.001]; } }'

    def to(*names: str) -> Letter:
        return mail(rcpt=[f"{name}@example.net" for name in names])

    async with bench(options) as one:
        assert await actions(one, to("a", "b"), to("b"), to("a"), to("c")) == [
            *("no action", "soft reject", "soft reject", "no action")
        ]


@pytest.mark.parametrize(
    "option, letter",
    [
        ("whitelisted_ip = [203.0.113.0/24];", mail(user="anna")),
        ("whitelisted_user = [anna];", mail(user="anna")),
        ("", mail(user="anna", rcpt="postmaster@example.net")),
        ("", mail(user="anna", rcpt=["bob@example.net", "Mailer-Daemon@example.net"])),
        ('whitelisted_rcpts = "bob@example.net, eve";', mail(user="anna")),
        ("whitelisted_rcpts = [eve];", mail(user="anna", rcpt="eve@example.com")),
    ],
)
async def test_who_is_free_is_never_limited(option: str, letter: Letter) -> None:
    assert await limited_after(TWO_A_MINUTE + option, letter) is None


@pytest.mark.parametrize(
    "option, letter",
    [
        ("whitelisted_ip = [203.0.113.0/24];", mail(user="anna", ip=None)),
        ("whitelisted_user = [anna];", mail(user="berta")),
        ('whitelisted_rcpts = "";', mail(user="anna", rcpt="postmaster@example.net")),
        ("whitelisted_rcpts = [];", mail(user="anna", rcpt="postmaster@example.net")),
    ],
)
async def test_who_is_not_on_the_list_is_limited(option: str, letter: Letter) -> None:
    assert await limited_after(TWO_A_MINUTE + option, letter) == 2


async def test_nobody_logged_in_is_no_user_on_a_list() -> None:
    options = "rates { to = [1, 0.001]; } whitelisted_user = [anna];"
    assert await limited_after(options, mail()) == 1


@pytest.mark.parametrize("allow, limited", [("", None), ("allow_local = true;", 2)])
async def test_scans_by_hand_count_only_when_asked_to(allow: str, limited: int | None) -> None:
    by_hand = mail(user="anna", request={"User-Agent": "rspamc"})
    assert await limited_after(TWO_A_MINUTE + allow, by_hand) == limited


@pytest.mark.parametrize(
    "bucket, module, action, hits, text",
    [
        ("", "", "soft reject", {}, LIMITED),
        ('message = "Too fast";', "", "soft reject", {}, "Too fast"),
        ("skip_soft_reject = true;", "", "no action", {}, None),
        ("", 'symbol = "LIMITED";', "no action", {"LIMITED"}, None),
        ('symbol = "MINE";', 'symbol = "LIMITED";', "no action", {"MINE"}, None),
        ("", 'info_symbol = "SEEN";', "soft reject", {"SEEN"}, LIMITED),
        ('symbol = "MINE";', 'info_symbol = "SEEN";', "no action", {"MINE"}, None),
        ("skip_soft_reject = true;", 'info_symbol = "SEEN";', "no action", {"SEEN"}, None),
    ],
)
async def test_what_happens_to_a_limited_letter(
    bucket: str, module: str, action: str, hits: Sequence[str], text: str | None
) -> None:
    options = f"rates {{ user {{ bucket {{ burst = 1; rate = 0.01; {bucket} }} }} }} {module}"
    async with bench(options) as one:
        await one.scan(mail(user="anna"))
        result = await one.scan(mail(user="anna"))
    assert result.action == action
    assert result.hits == {name: ["user(RLqpyizr53j66)"] for name in hits}
    assert result.task.result.messages.get("smtp_message") == text


async def test_a_symbol_has_the_score_of_its_group() -> None:
    config = """
        actions { "add header" = 6; }
        ratelimit { rates { user = [1, 0.01]; } symbol = "LIMITED"; }
        group "mine" { symbols { "LIMITED" { score = 7.5; } } }
    """
    async with Bench([Ratelimit], config=config) as one:
        await one.scan(mail(user="anna"))
        result = await one.scan(mail(user="anna"))
    assert (result.scores, result.action) == ({"LIMITED": 7.5}, "add header")


async def test_what_is_limited_by_a_symbol_and_sent_all_the_same_counts() -> None:
    options = 'symbol = "LIMITED"; rates { user = [1, 0.1]; }'
    letter = mail(user="anna")
    async with bench(options) as one:
        for _ in range(3):
            await one.scan(letter)
        assert (await one.scan(letter, now=NOW + 15)).hits, "three were sent, one has leaked"
        assert not (await one.scan(letter, now=NOW + 60)).hits


async def test_the_first_rate_that_is_full_speaks_and_all_are_named() -> None:
    options = 'info_symbol = "SEEN"; rates { user = [1, 0.01]; user_to = [1, 0.02]; }'
    async with bench(options) as one:
        await one.scan(mail(user="anna"))
        result = await one.scan(mail(user="anna"))
    assert [option.partition("(")[0] for option in result.hits["SEEN"]] == ["user", "user_to"]
    assert result.task.result.messages["smtp_message"] == LIMITED


async def test_several_buckets_of_one_rate_all_hold() -> None:
    options = """rates { user { bucket [
        { burst = 2; rate = "2 / 1s"; }, { burst = 3; rate = "3 / 1h"; message = "Enough for now"; }
    ] } }"""
    async with bench(options) as one:
        texts = [
            (await one.scan(mail(user="anna"), now=NOW + after)).task.result.messages
            for after in (0, 0, 0, 2, 4)
        ]
    assert [text.get("smtp_message") for text in texts] == [
        *(None, None, LIMITED, None, "Enough for now")
    ]


async def passes(subjects: Sequence[str], options: str) -> int:
    """How many letters of a burst of 10 pass when these came an hour before."""
    async with bench(f"rates {{ user {{ bucket {{ burst = 10; rate = 1; {options} }} }} }}") as one:
        for subject in subjects:
            await one.scan(mail(user="anna", headers={"Subject": subject}), now=NOW - 3600)
        letters = [mail(user="anna")] * 40
        return (await actions(one, *letters, now=NOW)).count("no action")


@pytest.mark.parametrize(
    "subjects, options, passed",
    [
        (["ham"] * 3, "", 10),  # not dynamic
        (["ham"] * 3, "ham_factor_burst = 1.5;", 33),
        (["ham"] * 3, "ham_factor_burst = 1.5; max_bucket_mult = 2;", 20),
        (["spam"] * 2, "spam_factor_burst = 0.5;", 2),
        (["spam"] * 2, "spam_factor_burst = 0.5; max_bucket_mult = 2;", 5),
        (["spam"] * 2, "ham_factor_burst = 1.5;", 10),  # the factors not given are 1
        (["a letter"] * 3, "ham_factor_burst = 1.5; spam_factor_burst = 0.5;", 10),
        (["add header"] * 3, "ham_factor_burst = 1.5; spam_factor_burst = 0.5;", 10),
    ],
)
async def test_a_dynamic_bucket_learns_from_verdicts(
    subjects: Sequence[str], options: str, passed: int
) -> None:
    assert await passes(subjects, options) == passed


async def test_one_option_makes_all_buckets_dynamic() -> None:
    options = "dynamic_rate_limit = true; ham_factor_burst = 2; rates { user = [2, 0.001]; }"
    async with bench(options) as one:
        await one.scan(mail(user="anna", headers={"Subject": "ham"}))
        assert await actions(one, *[mail(user="anna")] * 4) == ["no action"] * 3 + ["soft reject"]
