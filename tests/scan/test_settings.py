# SPDX-License-Identifier: Apache-2.0
"""Which settings are in force for a message, and what they do to its scan."""

import json
import logging
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.config import Problems
from gatepost.scan.applied import NOTHING_APPLIED
from gatepost.scan.maps import MapLibrary
from gatepost.scan.module import Stage, Symbol
from gatepost.scan.settings import MAX_REMEMBERED, Settings, parse_settings_header
from gatepost.scan.settings_apply import APPLY_KEYS, MAX_ENTRIES
from gatepost.scan.settings_rules import read_rules
from gatepost.scan.symbol import SymbolRegistry
from gatepost.testing import Bench, mail
from gatepost.ucl import parse
from scan_tasks import module_of, task_of

PRE = module_of("pre", "a", Symbol("SIMPLE_PRE", 1.0), stage=Stage.PREFILTER)
TEST = module_of(
    "test",
    "b",
    Symbol("SIMPLE_TEST", 1.0),
    Symbol("SIMPLE_VIRTUAL", 1.0, group="vg"),
    Symbol("SIMPLE_VIRTUAL1", 1.0, group="vg"),
)
POST = module_of("post", "c", Symbol("SIMPLE_POST", 1.0), stage=Stage.POSTFILTER)
ALL = [PRE, TEST, POST]
OF_TEST = {"SIMPLE_TEST", "SIMPLE_VIRTUAL", "SIMPLE_VIRTUAL1"}
EVERYTHING = {"SIMPLE_PRE", "SIMPLE_POST", *OF_TEST}


async def scan(rules="", letter=None, modules=ALL, **request):
    config = f"actions {{ reject = 15; add_header = 6; greylist = 4 }} settings {{ {rules} }}"
    names = {name.replace("_", "-"): value for name, value in request.items()}
    async with Bench(modules, config=config) as bench:
        return await bench.scan(letter or mail(request=names))


# What the Settings header and an id switch on and off


@pytest.mark.parametrize(
    ("header", "hits"),
    [
        ("{}", EVERYTHING),
        ('{symbols_enabled = ["SIMPLE_TEST"]}', OF_TEST),
        ('{"symbols_enabled": ["SIMPLE_TEST", "SIMPLE_POST"]}', {*OF_TEST, "SIMPLE_POST"}),
        ('{symbols_enabled = ["SIMPLE_VIRTUAL"]}', {"SIMPLE_VIRTUAL"}),
        ('{groups_enabled = ["a", "c"]}', {"SIMPLE_PRE", "SIMPLE_POST"}),
        ('{groups_enabled = ["vg"]}', {"SIMPLE_VIRTUAL", "SIMPLE_VIRTUAL1"}),
        ("{symbols_enabled = []}", set()),
        ("{groups_enabled = []}", set()),
        ("{policy = implicit_deny}", set()),
        ('{symbols_enabled = ["SIMPLE_PRE"]; policy = implicit_allow}', EVERYTHING),
        ('{symbols_disabled = ["SIMPLE_PRE"]}', EVERYTHING - {"SIMPLE_PRE"}),
        ('{groups_disabled = ["a", "c"]}', EVERYTHING - {"SIMPLE_PRE", "SIMPLE_POST"}),
        # Without an id a virtual symbol takes the check that inserts it along.
        ('{symbols_disabled = ["SIMPLE_VIRTUAL"]}', {"SIMPLE_PRE", "SIMPLE_POST"}),
        ('symbols_enabled = ["SIMPLE_PRE"]', {"SIMPLE_PRE"}),
        ("{whitelist = false}", set()),
        ("not { ucl", EVERYTHING),
        ("[1, 2]", EVERYTHING),
    ],
)
async def test_settings_header(header, hits):
    found = await scan(Settings=header)
    assert set(found.hits) == hits


@pytest.mark.parametrize(
    ("apply", "hits"),
    [
        ('symbols_enabled = ["SIMPLE_TEST"]', OF_TEST),
        ('symbols_enabled = ["SIMPLE_VIRTUAL"]', {"SIMPLE_VIRTUAL"}),
        ('symbols_disabled = ["SIMPLE_VIRTUAL"]', EVERYTHING - {"SIMPLE_VIRTUAL"}),
        ('groups_disabled = ["vg"]', EVERYTHING - {"SIMPLE_VIRTUAL", "SIMPLE_VIRTUAL1"}),
    ],
)
@pytest.mark.parametrize("header", ["Settings-ID", "settings-id"])
async def test_settings_id(apply, hits, header):
    rules = f"r {{ id = mine; ip = 192.0.2.1; apply {{ {apply} }} }}"
    found = await scan(rules, **{header.replace("-", "_"): "mine"})
    assert set(found.hits) == hits
    assert found.task.settings.id == "mine"


@pytest.mark.parametrize(
    ("apply", "score"),
    [
        ("SIMPLE_TEST = 7.77", 7.77),
        ("scores { SIMPLE_TEST = -2 }", -2.0),
        ("symbols_enabled { SIMPLE_TEST = 3 }", 3.0),
    ],
)
async def test_scores(apply, score):
    found = await scan(Settings=apply)
    assert found.scores["SIMPLE_TEST"] == score


@pytest.mark.parametrize(
    ("apply", "action"),
    [
        ("", "greylist"),
        ("greylist = null", "no action"),
        ("greylist = nan", "no action"),
        ("reject = 5", "reject"),
        ("reject = 5.1", "greylist"),
        ("reject = null; add_header = 4.5", "add header"),
        ('"to the bin" = 4.7', "to the bin"),
        ("reject { score = 5 }", "reject"),
    ],
)
async def test_actions(apply, action):
    found = await scan(Settings=f"actions {{ {apply} }}")
    assert (found.score, found.action) == (5.0, action)


async def test_a_nulled_reject_stays_what_clients_read():
    found = await scan(Settings="actions { reject = null }")
    assert found.verdict.required_score == 15.0


@pytest.mark.parametrize(
    ("apply", "scores"),
    [
        ("symbols = [SIMPLE_X]", {"SIMPLE_X": 1.0}),
        ("symbols { SIMPLE_X = 10 }", {"SIMPLE_X": 10.0}),
        ("symbols { SIMPLE_TEST = 2.5 }", {"SIMPLE_TEST": 3.5}),  # times its score; found as well
        ("symbols { SIMPLE_X { score = 2 } } scores { SIMPLE_X = 3 }", {"SIMPLE_X": 6.0}),
    ],
)
async def test_inserted_symbols(apply, scores):
    found = await scan(Settings=apply)
    assert {name: found.scores[name] for name in scores} == scores


async def test_everything_else_reaches_the_task():
    found = await scan(
        Settings="flags = [no_log]; variables { a = b }; messages { smtp_message = stop };"
        ' subject = "[%d] %s"; add_headers { X-A = b }'
    )
    task = found.task
    assert "no_log" in task.flags
    assert task.variables["a"] == "b"
    assert task.result.messages == {"smtp_message": "stop"}
    assert (task.settings.subject, task.settings.add_headers) == ("[%d] %s", {"X-A": "b"})


@pytest.mark.parametrize("key", ["whitelist = true", "whitelist = false", "want_spam = yes"])
async def test_whitelist_skips_the_message(key):
    found = await scan(Settings=key)
    assert (found.hits, found.action, found.task.result.skipped) == ({}, "no action", True)


# Which of several are in force

RULES = """
    low1 { ip = 192.0.2.1; apply { SIMPLE_TEST = 2 } }
    med { priority = medium; user = med; apply { SIMPLE_TEST = 3 } }
    high { priority = high; user = [high, med]; from = high; apply { SIMPLE_TEST = 4 } }
    by_id { apply { SIMPLE_TEST = 5; actions { reject = 50 } } }
    by_id_high { priority = high; id = pushy; apply { SIMPLE_TEST = 6 } }
    same1 { user = twice; apply { SIMPLE_TEST = 7; SIMPLE_PRE = 7 } }
    same2 { user = twice; apply { SIMPLE_TEST = 8; SIMPLE_POST = 8 } }
"""


@pytest.mark.parametrize(
    ("letter", "names", "score"),
    [
        (mail(), (), 1.0),
        (mail(ip="192.0.2.1"), ("low1",), 2.0),
        (mail(ip="192.0.2.1", user="med"), ("med",), 3.0),  # lower priorities are not looked at
        (mail(user="med", sender="high@x.example"), ("high",), 4.0),
        (mail(ip="192.0.2.1", request={"Settings-ID": "by_id"}), ("by_id",), 5.0),
        (mail(request={"Settings-ID": " by_id "}), ("by_id",), 5.0),
        (mail(user="med", request={"Settings-ID": "by_id"}), ("med",), 3.0),
        (mail(user="med", request={"Settings-ID": "pushy"}), ("med",), 3.0),  # its own counts not
        (mail(ip="192.0.2.1", request={"Settings-ID": "pushy"}), ("by_id_high",), 6.0),
        (mail(ip="192.0.2.1", request={"Settings-ID": "nobody"}), ("low1",), 2.0),
        (mail(ip="192.0.2.1", request={"Settings": "SIMPLE_TEST = 9"}), ("Settings",), 9.0),
        (mail(user="med", request={"Settings": "SIMPLE_TEST = 9"}), ("med",), 3.0),
        (mail(ip="192.0.2.1", request={"Settings": "{ bad"}), ("low1",), 2.0),
        (mail(request={"Settings": "{ bad", "Settings-ID": "by_id"}), ("by_id",), 5.0),
        (mail(ip="192.0.2.1", request={"MaxScore": "9"}), ("MaxScore",), 1.0),
        (mail(user="twice"), ("same1", "same2"), 8.0),
    ],
)
async def test_which_are_in_force(letter, names, score):
    found = await scan(RULES, letter)
    assert found.task.settings.names == names
    assert found.scores["SIMPLE_TEST"] == score


async def test_all_of_one_priority_are_merged():
    found = await scan(RULES, mail(user="twice"))
    wanted = {"SIMPLE_PRE": 7.0, "SIMPLE_TEST": 8.0, "SIMPLE_POST": 8.0}
    assert {name: found.scores[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("request_headers", "thresholds"),
    [
        ({"MaxScore": "9"}, {"reject": 9.0, "add header": 6.0, "greylist": 4.0}),
        ({"MaxScore": "9", "SoftScore": "5"}, {"reject": 9.0, "add header": 5.0, "greylist": 4.0}),
        ({"SoftScore": "5"}, {"reject": 15.0, "add header": 6.0, "greylist": 4.0}),
        ({"MaxScore": "much"}, {"reject": 15.0, "add header": 6.0, "greylist": 4.0}),
        ({"MaxScore": "nan"}, {"reject": 15.0, "add header": 6.0, "greylist": 4.0}),
        (
            {"MaxScore": "9", "SoftScore": "5", "Settings-ID": "by_id"},
            {"reject": 50.0, "add header": 5.0, "greylist": 4.0},
        ),
    ],
)
async def test_max_score(request_headers, thresholds):
    found = await scan(RULES, mail(request=request_headers))
    assert found.task.result.actions.thresholds == thresholds


async def test_max_score_of_one_message_is_not_that_of_the_next():
    async with Bench(ALL, config=f"settings {{ {RULES} }}") as bench:
        ask = {"MaxScore": "9", "SoftScore": "5", "Settings-ID": "by_id"}
        await bench.scan(mail(request=ask))
        found = await bench.scan(mail(request={"Settings-ID": "by_id"}))
    assert found.task.settings.actions == {"reject": 50.0}


# explain


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        (
            mail(user="med", sender="high@x.example"),
            {"high": (True, "user, from"), "med": (False, "user, but settings of a higher")},
        ),
        (
            mail(ip="192.0.2.1", request={"Settings-ID": "by_id"}),
            {
                "by_id": (True, "the request's Settings-ID is `by_id`"),
                "low1": (False, "ip, but what the request asks for goes first"),
                "med": (False, "no match: user"),
            },
        ),
        (
            mail(user="med", request={"Settings-ID": "by_id"}),
            {"med": (True, "user"), "by_id": (False, "asked for by Settings-ID, but a rule of")},
        ),
        (
            mail(request={"Settings": "A = 1", "Settings-ID": "by_id"}),
            {
                "Settings": (True, "the request's Settings header"),
                "by_id": (True, "the request's Settings-ID is `by_id`; beside the Settings header"),
            },
        ),
        (
            mail(user="med", request={"Settings": "A = 1"}),
            {"Settings": (False, "the request's Settings header, but a rule of priority 2")},
        ),
        (mail(request={"MaxScore": "5"}), {"MaxScore": (True, "the request's MaxScore header")}),
        (
            mail(),
            {"by_id": (False, "only by Settings-ID `by_id`"), "low1": (False, "no match: ip")},
        ),
    ],
)
async def test_explain(letter, expected):
    found = await scan(RULES, letter)
    said = {match.name: match for match in found.settings}
    for name, (matched, why) in expected.items():
        assert said[name].matched is matched
        assert said[name].why.startswith(why)
    in_force = {name for name, match in said.items() if match.matched}
    assert in_force == set(found.task.settings.names)


# What requests send is anybody's


def chooser(rules=""):
    problems = Problems()
    found = Settings(read_rules(parse(rules, "t"), MapLibrary(), problems), SymbolRegistry())
    assert problems.all == []
    return found


def test_nothing_asked_and_no_rules_is_nothing():
    assert chooser().choose(task_of()) is NOTHING_APPLIED


def test_with_an_id_rules_of_priority_1_are_not_even_looked_at():
    rules = "".join(f"r{i} {{ user = u{i}; apply {{ }} }}" for i in range(2000))
    found = chooser(f"{rules} mine {{ apply {{ subject = x }} }}")
    plain, asked = task_of(), task_of(mail(request={"Settings-ID": "mine"}))
    assert found.choose(asked).subject == "x"

    def cost(task):
        began = time.process_time()
        for _ in range(20):
            found.choose(task)
        return time.process_time() - began

    assert cost(asked) < cost(plain) / 10


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("{ bad", "bad Settings header, ignored: "),
        ("[]", "bad Settings header, ignored: expected an object"),
        ("x" * 70_000, "Settings header ignored: longer than 65536 characters"),
        ("scores { A = x }", "bad Settings header: Settings.scores: A: expected a number"),
        ("{" * 200 + "}" * 200, "bad Settings header, ignored: "),
    ],
)
def test_a_bad_header_is_complained_of_in_the_log(header, said, caplog):
    found = chooser()
    for _ in range(2):  # also when it is remembered
        caplog.clear()
        found.choose(task_of(mail(request={"Settings": header})))
        assert [record.message[: len(said)] for record in caplog.records] == [said]


def test_one_header_cannot_fill_the_log(caplog):
    header = " ".join(f"groups_enable{i} = x;" for i in range(200))
    chooser().choose(task_of(mail(request={"Settings": header})))
    assert len(caplog.records) == 4
    assert caplog.records[-1].message == "bad Settings header: 197 more mistakes"


def test_an_unknown_id_is_named_in_the_log_and_does_nothing(caplog):
    task = task_of(mail(request={"Settings-ID": "x" * 500}))
    with caplog.at_level(logging.WARNING):
        assert chooser().choose(task) is NOTHING_APPLIED
    [record] = caplog.records
    assert record.message == f"unknown settings id {'x' * 64!r} in the request: no settings from it"


@pytest.mark.slow
def test_hostile_headers_do_not_pile_up():
    found = chooser("mine { apply { groups_enabled = [a] } }")
    names = " ".join(f"S{i}=1;" for i in range(400))
    tracemalloc.start()
    for i in range(MAX_REMEMBERED + 50):
        request = {"Settings": f"{names} X{i} = 1", "Settings-ID": "mine"}
        found.choose(task_of(mail(request=request)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 1024 * 1024


def test_the_longest_header_is_read_in_bounded_time():
    header = " ".join(f"S{i}=1;" for i in range(7000))
    began = time.process_time()
    applied, complaints = parse_settings_header(header[:65_000].rpartition(" ")[0])
    assert time.process_time() - began < 0.5
    assert len(applied.scores) == MAX_ENTRIES
    assert complaints == (f"bad Settings header: Settings.scores: more than {MAX_ENTRIES} entries, "
                          "the rest is left out",)  # fmt: skip


KEYS = st.sampled_from([*APPLY_KEYS, "default", "A", "B"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
@settings(max_examples=60)
def test_any_object_is_settings_or_a_complaint(body):
    found = chooser("mine { apply { groups_enabled = [a]; symbols_disabled = [B] } }")
    request = {"Settings": json.dumps(body), "Settings-ID": "mine"}
    applied = found.choose(task_of(mail(request=request)))
    assert all(isinstance(score, float) for score in applied.scores.values())
    assert hash(applied.switches) == hash(applied.switches)


@given(st.text(alphabet="{}[]=;:,\"'# \\\n/*abc12.", max_size=80))
def test_any_text_is_settings_or_a_complaint(text):
    applied, complaints = parse_settings_header(text)
    assert applied is not None or complaints
