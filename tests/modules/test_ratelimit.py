# SPDX-License-Identifier: Apache-2.0
"""Who is limited, by which rates, after how many letters, and what the sender is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from gatepost.config import ConfigError
from gatepost.modules.ratelimit import Ratelimit
from gatepost.scan.direction import Direction
from gatepost.scan.module import Hits, Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import hashed
from gatepost.store import Store
from gatepost.testing import NOW, Bench, Letter, Scanned, build_app, explain, mail

TWO_A_MINUTE = 'rates { user { bucket { burst = 2; rate = "2 / 1m"; } } }'
LOCAL, PUBLIC = "127.0.0.1", "203.0.113.7"
LIMITED = 'Ratelimit "user" exceeded'


class Decides(Module):
    """Says of a letter what its Subject says: a symbol, an action, or nothing."""

    name = "decides"
    group = "decides"
    outbound = RunAlways()

    SPAM = Symbol("SPAM", 20.0)
    MORE = Symbol("MORE_SPAM", 1.0)
    HAM = Symbol("HAM", -1.0)

    @runs(Stage.FILTER, callback="DECIDES")
    def check(self, task: Task) -> PlainHits:
        """The word of the Subject."""
        match task.message.subject:
            case "spam":
                yield self.SPAM()
                yield self.MORE()
            case "ham":
                yield self.HAM()
            case "at least add header":
                task.set_pre_result("add header", "so", module="decides", least=True)
            case "a letter":
                pass
            case action:
                task.set_pre_result(action, "so", module="decides")


class Waits(Module):
    """Never comes to an end."""

    name = "waits"
    group = "waits"
    outbound = RunAlways()
    reached = asyncio.Event()

    @runs(Stage.FILTER, callback="WAITS")
    async def check(self, task: Task) -> Hits:
        """Waits for nothing."""
        self.reached.set()
        await asyncio.Event().wait()
        yield Symbol("NEVER", 0.0)()


def bench(
    options: str = TWO_A_MINUTE, *, store: Store | None = None, folder: Path | None = None
) -> Bench:
    config = f"actions {{ reject = 15; }} ratelimit {{ {options} }}"
    return Bench([Ratelimit, Decides], config=config, store=store, folder=folder)


async def actions(where: Bench, *letters: Letter, now: float = NOW) -> list[str]:
    return [(await where.scan(letter, now=now)).action for letter in letters]


async def limited_after(
    options: str, letter: Letter, *, most: int = 6, folder: Path | None = None
) -> int | None:
    """How many such letters pass; ``None`` when all of ``most`` do."""
    async with bench(options, folder=folder) as one:
        for sent in range(most):
            if (await one.scan(letter)).action == "soft reject":
                return sent
    return None


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


PYTHON = """
import re
from re import match  # no keyword, though it is a public function here

def account(task):
    return task.user and task.user.partition("+")[0]

account.uses_user = True

def number(task):
    return len(task.recipients)

def broken(task):
    raise RuntimeError("oh")

def text(task, rate, key, bucket, option):
    return f"{task.user}: {rate} of {bucket.burst:g} as {option}, not {key}"

def bad_text(task, rate, key, bucket, option):
    return 1 / 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(PYTHON)
    return tmp_path


@pytest.mark.parametrize(
    "rates, limited",
    [
        ("account = [2, 0.001];", 2),
        ("number_user = [3, 0.001];", 3),
        ("number = [3, 0.001];", None),  # no rate of the user
        ("broken_user = [1, 0.001]; user = [2, 0.001];", 2),  # other limits hold
    ],
)
async def test_words_of_ones_own_in_python(folder: Path, rates: str, limited: int | None) -> None:
    options = f'custom_keywords = "mine.py"; rates {{ {rates} }}'
    assert await limited_after(options, mail(user="anna+x"), folder=folder) == limited


async def test_what_a_file_imports_is_no_keyword(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"ratelimit\.rates\.match: `match` is no keyword"):
        build_app(
            [Ratelimit],
            config='ratelimit { custom_keywords = "mine.py"; rates { match = [1, 1]; } }',
            folder=folder,
        )


@pytest.mark.parametrize(
    "function, bucket, text",
    [
        ("text", "", "anna: user of 1 as user(RLqpyizr53j66), not RLqpyizr53j66"),
        ("text", 'message = "The bucket\'s own";', "The bucket's own"),
        ("bad_text", "", LIMITED),  # a mistake there lets nobody through
    ],
)
async def test_a_text_of_ones_own_in_python(
    folder: Path, function: str, bucket: str, text: str
) -> None:
    options = f'message_func = "mine.py:{function}";' + (
        f"rates {{ user {{ bucket {{ burst = 1; rate = 0.01; {bucket} }} }} }}"
    )
    async with bench(options, folder=folder) as one:
        await one.scan(mail(user="anna"))
        result = await one.scan(mail(user="anna"))
    assert result.action == "soft reject"
    assert result.task.result.messages["smtp_message"] == text


@pytest.mark.parametrize(
    "option, action",
    [
        ("", "no action"),
        ("on_failure = accept;", "no action"),
        ("on_failure = soft_reject;", "soft reject"),
    ],
)
async def test_without_a_store_the_policy_decides(
    broken_store: Store, option: str, action: str
) -> None:
    async with bench(TWO_A_MINUTE + option, store=broken_store) as one:
        result = await one.scan(mail(user="anna"))
    assert result.action == action
    assert result.outcomes["RATELIMIT_CHECK"].outcome == "ran"


async def test_the_buckets_that_were_full_last_are_listed(store: Store) -> None:
    options = "rates { user = [1, 0.01]; } lfb_max_cache_size = 2;"
    async with bench(options, store=store) as one:
        for second, user in enumerate(("anna", "berta", "carla")):
            await actions(one, mail(user=user), mail(user=user), now=NOW + second)
    assert [when for _, when in await store.ranked_list("RL_cache_prefix")] == [NOW + 2, NOW + 1]


async def test_a_decided_letter_is_not_looked_at() -> None:
    class Before(Module):
        """Decides before anybody."""

        name = "before"
        group = "before"
        outbound = RunAlways()

        @runs(Stage.PREFILTER, callback="BEFORE", priority=9)
        def check(self, task: Task) -> None:
            """Accepts."""
            task.set_pre_result("no action", "trusted", module="before", least=True)

    async with Bench([Ratelimit, Before], config=f"ratelimit {{ {TWO_A_MINUTE} }}") as one:
        assert await actions(one, *[mail(user="anna")] * 4) == ["no action"] * 4


@pytest.mark.parametrize(
    "option, order",
    [
        ("", ["RATELIMIT_CHECK", "DECIDES", "RATELIMIT_UPDATE"]),
        ("prefilter = false;", ["DECIDES", "RATELIMIT_CHECK", "RATELIMIT_UPDATE"]),
    ],
)
async def test_the_check_is_a_prefilter_unless_told_otherwise(
    option: str, order: list[str]
) -> None:
    async with Bench(
        [Decides, Ratelimit], config=f"ratelimit {{ {TWO_A_MINUTE} {option} }}"
    ) as one:
        result = await one.scan(mail(user="anna"))
        assert sorted(result.outcomes) == sorted(order)
        if option:
            stages = {check.callback: check.stage for check in one.app.planner.checks}
            assert stages["RATELIMIT_CHECK"] is Stage.FILTER
        assert await actions(one, *[mail(user="anna")] * 2) == ["no action", "soft reject"]


async def test_settings_that_enable_the_group_leave_it_whole() -> None:
    config = (
        f"ratelimit {{ {TWO_A_MINUTE} }}"
        'settings { out { authenticated = yes; apply { groups_enabled = ["ratelimit"]; } } }'
    )
    async with Bench([Ratelimit, Decides], config=config) as one:
        first = await one.scan(mail(user="anna"))
        assert first.outcomes["DECIDES"].reason == "settings"
        assert await actions(one, *[mail(user="anna")] * 2) == ["no action", "soft reject"]


async def test_without_rates_nothing_runs() -> None:
    result: Scanned = await explain(Ratelimit, mail(user="anna"))
    assert result.outcomes == {}


@pytest.mark.parametrize(
    "line, expected",
    [
        ("rates = 3;", "ratelimit.rates: expected a section"),
        ("rates { users = [1, 1]; }", "ratelimit.rates.users: `users` is no keyword; expected a"),
        ("rates { user = [1, 2, 3]; }", "ratelimit.rates.user: expected bucket {"),
        ("rates { user { bucket { rate = 1; } } }", "rates.user.burst: expected messages"),
        ("rates { user { bucket { burst = 1; } } }", "rates.user.rate: expected messages in a"),
        ("rates { user { bucket { burst = 0; rate = 1; } } }", "more than 0, such as 100"),
        ('rates { user { bucket { burst = 1; rate = "1 / x"; } } }', "found `1 / x`"),
        ('rates { user = "many"; }', "found `many`"),
        ("rates { user { bucket { burst = 1; rate = 1; sybol = x; } } }", "did you mean `symbol`?"),
        (
            "rates { user { bucket = [1, 1]; select = x; } }",
            "expected `bucket`, `selector` or `limits`",
        ),
        ('rates { a { selector = "usr"; bucket = [1, 1]; } }', "rates.a.selector: expected the"),
        ("authenticated_rates = none;", "ratelimit.authenticated_rates: expected"),
        ("ham_factor_rate = 0;", "ratelimit.ham_factor_rate: expected"),
        ('custom_keywords = "gone.py";', "gone.py: cannot be read: No such file"),
        ('message_func = "mine.py";', "expected FILE.py:FUNCTION, found `mine.py`"),
        ('message_func = "mine.py:nothing";', "nothing`"),
    ],
)
def test_a_mistake_is_named_with_its_line(folder: Path, line: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build_app([Ratelimit], config=f"ratelimit {{\n  prefix = RL;\n  {line}\n}}", folder=folder)
    (problem,) = [p for p in raised.value.problems if expected in p.message]
    assert problem.where is not None
    assert (problem.where.file, problem.where.line) == ("test.conf", 3)


def test_the_example_of_the_page_loads() -> None:
    page = Path(__file__).parents[2] / "docs" / "modules" / "ratelimit.md"
    example = page.read_text(encoding="utf-8").split("```")[1]
    app = build_app([Ratelimit], config=f"ratelimit {{ {example} }}")
    module = app.modules[0].module
    assert isinstance(module, Ratelimit)
    assert [(rate.name, len(rate.limits), rate.uses_user) for rate in module.rates] == [
        ("user", 2, True),
        ("rip", 1, False),
        ("campaigns", 1, True),
    ]
