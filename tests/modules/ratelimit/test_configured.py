# SPDX-License-Identifier: Apache-2.0
"""Limits as they are configured: Python, the store away, the stage, settings, mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config import ConfigError
from gatepost.modules.ratelimit import Ratelimit
from gatepost.scan.module import Module, RunAlways, Stage, runs
from gatepost.scan.task import Task
from gatepost.store import Store
from gatepost.testing import NOW, Bench, Scanned, build_app, explain, mail
from ratelimit_kit import LIMITED, TWO_A_MINUTE, Decides, actions, bench, limited_after

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
    page = Path(__file__).parents[3] / "docs" / "modules" / "ratelimit.md"
    example = page.read_text(encoding="utf-8").split("```")[1]
    app = build_app([Ratelimit], config=f"ratelimit {{ {example} }}")
    module = app.modules[0].module
    assert isinstance(module, Ratelimit)
    assert [(rate.name, len(rate.limits), rate.uses_user) for rate in module.rates] == [
        ("user", 2, True),
        ("rip", 1, False),
        ("campaigns", 1, True),
    ]
