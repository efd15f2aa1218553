# SPDX-License-Identifier: Apache-2.0
"""Rules that a postmaster wrote: found in the right places, run at the right time, safe."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from gatepost.app import App, build
from gatepost.config import ConfigError
from gatepost.modules.python import Python
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.testing import Bench, Scanned, Zone, build_app, mail, zone

IMPORTS = "from gatepost.plugin import Task, hit, postfilter, prefilter, symbol, Stage\n"


class Finds(Module):
    """A module beside the rules: its check is FINDS_CHECK, its symbol FOUND."""

    name = "finds"
    group = "finds"
    outbound = RunAlways()

    FOUND = Symbol("FOUND", 1.0)

    @runs(Stage.FILTER, callback="FINDS_CHECK")
    def check(self, task: Task) -> PlainHits:
        """Finds something in each letter that has not the Subject `quiet`."""
        if task.message.subject != "quiet":
            yield self.FOUND("it")


Rules = Callable[..., Bench]


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    """A bench with a file of these rules, and ``Finds`` beside it."""

    def made(text: str, *, config: str = "", dns: Zone | None = None) -> Bench:
        path = tmp_path / "rules.py"
        path.write_text(IMPORTS + textwrap.dedent(text))
        return Bench([Python, Finds], config=f'python = "{path}"; {config}', dns=dns)

    return made


async def found(bench: Bench, letter: object = None) -> Scanned:
    async with bench:
        return await bench.scan(letter or mail())  # type: ignore[arg-type]


FORMS = {
    "a function": """
        @symbol("MINE", score=2)
        def rule(task):
            return "why"
        """,
    "a generator": """
        @symbol("MINE", score=2)
        def rule(task):
            yield "why"
        """,
    "a coroutine": """
        @symbol("MINE", score=2)
        async def rule(task):
            return "why"
        """,
    "an asynchronous generator": """
        @symbol("MINE", score=2)
        async def rule(task):
            yield "why"
        """,
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
async def test_a_rule_is_any_kind_of_function(rules: Rules, text: str) -> None:
    result = await found(rules(text))
    assert result.hits["MINE"] == ["why"]
    assert result.scores["MINE"] == 2.0


async def test_what_it_returns_is_symbol_factor_and_options(rules: Rules) -> None:
    result = await found(
        rules("""
        @symbol("PLAIN", score=2)
        def plain(task):
            return True

        @symbol("HALF", score=2)
        def half(task):
            return 0.5, "because"

        @symbol("NOTHING", score=2)
        def nothing(task):
            return task.message.headers.get("X-Nothing")

        @symbol("MAIN", score=1, virtual={"LOW": 0.1, "HIGH": 5})
        def main(task):
            yield hit("LOW", "a")
            yield hit("HIGH", "b", weight=0.5)
        """)
    )
    del result.task.result.found["FOUND"]
    assert result.hits == {"PLAIN": [], "HALF": ["because"], "LOW": ["a"], "HIGH": ["b"]}
    assert result.scores == {"PLAIN": 2.0, "HALF": 1.0, "LOW": 0.1, "HIGH": 2.5}


async def test_the_configuration_has_the_last_word_on_scores(rules: Rules) -> None:
    config = 'group "mine" { symbols { "MINE" { score = 7; } } }'
    assert (await found(rules(FORMS["a function"], config=config))).scores["MINE"] == 7.0


@pytest.mark.parametrize("waits_for", ["FINDS_CHECK", "FOUND", "LATER", "LATER_TOO"])
@pytest.mark.parametrize("keyword", ["after", "requires"])
async def test_a_rule_waits_for_checks_and_for_symbols(
    rules: Rules, waits_for: str, keyword: str
) -> None:
    result = await found(
        rules(f"""
        @symbol("MINE", {keyword}="{waits_for}")
        def rule(task):
            return sorted(name for name in task.result.found)

        @symbol("LATER", virtual=["LATER_TOO"], after="FOUND")
        async def later(task):
            yield True
            yield hit("LATER_TOO")
        """)
    )
    expected = {"FINDS_CHECK": "FOUND", "FOUND": "FOUND"}.get(waits_for, waits_for)
    assert expected in result.hits["MINE"]


@pytest.mark.parametrize("keyword, runs", [("after", True), ("requires", False)])
async def test_requires_leaves_a_rule_out_with_what_it_needs(
    rules: Rules, keyword: str, runs: bool
) -> None:
    config = 'settings { x { user = anna; apply { symbols_disabled = ["FINDS_CHECK"]; } } }'
    text = f"""
        @symbol("MINE", {keyword}="FOUND")
        def rule(task):
            return True
        """
    result = await found(rules(text, config=config), mail(user="anna"))
    assert ("MINE" in result.hits) is runs
    assert result.outcomes["MINE"].reason == ("" if runs else "dependency")


async def test_prefilters_come_before_and_postfilters_after_everything(rules: Rules) -> None:
    result = await found(
        rules("""
        @postfilter("SUM", score=0.5)
        def total(task):
            return f"{task.result.score:g}"

        @prefilter("FIRST", score=1)
        def first(task):
            return "nothing" if not task.result.found else "something"

        @symbol("MIDDLE", score=2)
        def middle(task):
            return task.has("FIRST")

        @symbol("LAST", stage=Stage.IDEMPOTENT)
        def last(task):
            task.add_header("X-Action", task.result.verdict().action.name)
        """)
    )
    assert result.hits["FIRST"] == ["nothing"]
    assert result.hits["SUM"] == ["4"]
    (header,) = result.task.added_headers
    assert (header.name, header.value) == ("X-Action", "no action")


async def test_a_prefilter_may_decide(rules: Rules) -> None:
    text = """
        @prefilter("NOT_ON_SUNDAYS")
        def sundays(task):
            task.set_pre_result("soft reject", "Come back on Monday", module="sundays")
            return True

        @symbol("NEVER")
        def never(task):
            return True

        @symbol("STILL", ignore_passthrough=True)
        def still(task):
            return True
        """
    result = await found(rules(text))
    assert result.action == "soft reject"
    assert result.task.result.messages["smtp_message"] == "Come back on Monday"
    assert set(result.hits) == {"NOT_ON_SUNDAYS", "STILL"}


async def test_a_rule_asks_dns_and_keeps_state(rules: Rules) -> None:
    text = """
        @symbol("LISTED")
        async def listed(task):
            answer = await task.resolver.query(f"{task.sender_domain}.list.example", "A")
            return answer.texts if answer.ok else None

        @symbol("SEEN")
        async def seen(task):
            count = await task.store.increment(f"seen:{task.sender_domain}", expire=3600)
            return str(count)
        """
    dns = zone("example.org.list.example. A 127.0.0.2")
    async with rules(text, dns=dns) as bench:
        assert (await bench.scan(mail())).hits["LISTED"] == ["127.0.0.2"]
        again = await bench.scan(mail())
        other = await bench.scan(mail(sender="x@example.com"))
    assert (again.hits["SEEN"], other.hits["SEEN"]) == (["2"], ["1"])
    assert "LISTED" not in other.hits


@pytest.mark.parametrize(
    "body, complaint",
    [
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
        ("return b'bytes'", "MINE returned bytes"),
        ("return hit('MIEN')", "MIEN is none of the symbols of MINE"),
        ("return task.nothing", "AttributeError"),
        ("raise SystemError", "SystemError"),
        ("raise SystemExit(3)", "RuleError: a rule may not exit"),
        ("exit(3); yield True", "RuleError: a rule may not exit"),
    ],
)
async def test_a_failing_rule_fails_alone(rules: Rules, body: str, complaint: str) -> None:
    text = f"""
        @symbol("MINE", score=2)
        def rule(task):
            {body}

        @symbol("OTHER", score=1)
        def other(task):
            return True
        """
    result = await found(rules(text))
    assert set(result.hits) == {"OTHER", "FOUND"}
    assert result.outcomes["MINE"].outcome == "failed"
    assert complaint in result.outcomes["MINE"].reason


async def test_what_was_yielded_before_the_time_was_up_counts(rules: Rules) -> None:
    text = """
        import asyncio

        @symbol("SLOW", timeout=0.01)
        async def slow(task):
            yield "early"
            await asyncio.Event().wait()
            yield "late"
        """
    result = await found(rules(text))
    assert result.hits["SLOW"] == ["early"]
    assert result.outcomes["SLOW"].outcome == "timeout"


@pytest.mark.parametrize("user, direction", [("anna", "authenticated"), (None, "inbound")])
async def test_a_rule_knows_the_direction(rules: Rules, user: str | None, direction: str) -> None:
    text = """
        @symbol("DIRECTION")
        def rule(task):
            return task.direction.kind
        """
    assert (await found(rules(text), mail(user=user))).hits["DIRECTION"] == [direction]


@pytest.mark.parametrize(
    "direction, user, ip, reason",
    [
        ("outbound", None, "203.0.113.7", "inbound"),
        ("outbound", "anna", "203.0.113.7", ""),
        ("outbound", None, "127.0.0.1", ""),
        ("inbound", None, "203.0.113.7", ""),
        ("inbound", "anna", "203.0.113.7", "authenticated"),
        ("inbound", None, "127.0.0.1", "local"),
        ("authenticated", "anna", "127.0.0.1", ""),
        ("authenticated", None, "127.0.0.1", "local"),
        ("local", "anna", "127.0.0.1", ""),
        ("local", "anna", "203.0.113.7", "authenticated"),
    ],
)
async def test_a_rule_may_be_for_one_direction(
    rules: Rules, direction: str, user: str | None, ip: str, reason: str
) -> None:
    text = f"""
        @symbol("MINE", direction="{direction}")
        def rule(task):
            return True
        """
    result = await found(rules(text), mail(user=user, ip=ip))
    assert result.outcomes["MINE"].reason == reason
    assert ("MINE" in result.hits) is (not reason)


async def test_settings_switch_rules_by_name_and_by_group(rules: Rules) -> None:
    config = """settings {
        a { user = anna; apply { symbols_disabled = ["ONE"]; } }
        b { user = berta; apply { groups_enabled = ["mine"]; } }
    }"""
    text = """
        @symbol("ONE", group="mine")
        def one(task):
            return True

        @symbol("TWO")
        def two(task):
            return True
        """
    async with rules(text, config=config) as bench:
        assert set((await bench.scan(mail(user="anna"))).hits) == {"TWO", "FOUND"}
        assert set((await bench.scan(mail(user="berta"))).hits) == {"ONE"}


@pytest.mark.parametrize("empty, runs", [("empty=True", True), ("empty=False", False)])
async def test_a_letter_without_content_is_for_rules_that_want_it(
    rules: Rules, empty: str, runs: bool
) -> None:
    text = f"""
        @symbol("MINE", {empty})
        def rule(task):
            return True
        """
    result = await found(rules(text), mail(raw=b""))
    assert ("MINE" in result.hits) is runs


# Where rules are found


def folder_with(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def rule(name: str) -> str:
    return f'{IMPORTS}@symbol("{name}")\ndef rule(task):\n    return True\n'


def built(folder: Path) -> App:
    environment = {"GATEPOST_STATE": str(folder / "state")}
    return build(str(folder), environment=environment, modules=[Python])


def names(app: App) -> list[str]:
    return [check.callback for check in app.planner.checks]


def test_files_of_plugins_d_and_those_named_are_read(tmp_path: Path) -> None:
    folder_with(
        tmp_path,
        {
            "plugins.d/20_b.py": rule("B"),
            "plugins.d/10_a.py": rule("A"),
            "plugins.d/notes.txt": "not Python",
            "plugins.d/off.py.disabled": "not Python",
            "more/c.py": rule("C"),
            "d.py": rule("D"),
            "rspamd.conf.local": 'python = "more/c.py";\npython = "d.py";\n',
        },
    )
    assert names(built(tmp_path)) == ["A", "B", "C", "D"]


def test_the_switch_of_the_section_is_for_all_of_them(tmp_path: Path) -> None:
    folder_with(
        tmp_path,
        {
            "plugins.d/a.py": rule("A"),
            "c.py": "not Python at all",
            "rspamd.conf.local": 'python = "c.py";\n',
            "local.d/python.conf": "enabled = false;",
        },
    )
    assert names(built(tmp_path)) == []


def test_a_new_configuration_reads_the_files_anew(tmp_path: Path) -> None:
    folder_with(tmp_path, {"plugins.d/a.py": rule("A")})
    old = built(tmp_path)
    folder_with(tmp_path, {"plugins.d/a.py": rule("B")})
    assert (names(old), names(built(tmp_path))) == (["A"], ["B"])


def test_every_mistake_is_named_with_file_and_line(tmp_path: Path) -> None:
    folder_with(
        tmp_path,
        {
            "plugins.d/a.py": rule("A"),
            "plugins.d/b.py": "x = 1\ny = = 2\n",
            "plugins.d/c.py": IMPORTS + "\n@symbol('two words')\ndef f(task): ...\n",
            "plugins.d/d.py": rule("A"),
            "rspamd.conf.local": '\npython = "gone.py";\n',
        },
    )
    with pytest.raises(ConfigError) as raised:
        built(tmp_path)
    told = {
        (Path(p.where.file).name, p.where.line, p.message.partition(":")[0])
        for p in raised.value.problems
        if p.where is not None
    }
    assert told == {
        ("b.py", 2, "is not Python"),
        ("c.py", 3, "ValueError"),
        ("d.py", 2, f"A is a rule of {tmp_path}/plugins.d/a.py already"),
        ("rspamd.conf.local", 2, f"{tmp_path}/gone.py"),
    }


def test_a_symbol_of_a_module_is_not_for_a_rule(tmp_path: Path) -> None:
    path = folder_with(tmp_path, {"a.py": rule("FOUND")}) / "a.py"
    with pytest.raises(ConfigError, match="FOUND"):
        build_app([Finds, Python], config=f'python = "{path}";')


@pytest.mark.parametrize("order", [[Python, Finds], [Finds, Python]])
@pytest.mark.parametrize(
    "decorator, message",
    [
        ('@symbol("FINDS_CHECK")', "FINDS_CHECK is a check of "),
        ('@symbol("MINE", virtual=["FOUND"])', "symbol FOUND is declared by "),
    ],
)
def test_a_name_that_a_module_has_already_is_a_mistake_of_the_rule(
    tmp_path: Path, order: list[type[Module]], decorator: str, message: str
) -> None:
    path = tmp_path / "rules.py"
    path.write_text(f"{IMPORTS}\n\n{decorator}\ndef rule(task):\n    return True\n")
    with pytest.raises(ConfigError) as caught:
        build_app(order, config=f'python = "{path}";')
    [problem] = caught.value.problems
    assert str(problem).startswith(f"{path}:4: error: {message}")
