# SPDX-License-Identifier: Apache-2.0
"""What each header says, by score, action and what other modules left."""

import platform

import pytest

from gatepost.modules.milter_headers import MilterHeaders
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.testing import mail, scan

ACTIONS = "actions { reject = 15; add_header = 6; greylist = 4; }\n"


class Findings(Module):
    """Finds and leaves what the test says, by request headers."""

    name = "findings"
    group = "test"
    outbound = RunAlways()
    FOUND = Symbol("FOUND", 1.0)
    VIRUS = Symbol("VIRUS", 0.0)
    VIRUS_FAIL = Symbol("VIRUS_FAIL", 0.0)
    left: dict[str, object] = {}

    @runs(Stage.FILTER, callback="FINDINGS")
    def check(self, task) -> PlainHits:
        task.variables.update(self.left)
        asked = task.envelope.header
        if asked("Score"):
            yield self.FOUND(weight=float(asked("Score")))
        if asked("Virus"):
            yield self.VIRUS(*asked("Virus").split())
        if asked("Virus-Fail"):
            yield self.VIRUS_FAIL("timeout")


async def written(routine, *, options="", more="", left=None, headers=None, **request):
    """The values of all headers that one routine adds to a letter."""
    module = type("Left", (Findings,), {"left": left or {}})
    config = (
        f"{ACTIONS}milter_headers {{ remove_upstream_spam_flag = no; use = [{routine}]; {more}"
        f" routines {{ {routine} {{ {options} }} }} }}"
    )
    asked = {name.replace("_", "-"): str(value) for name, value in request.items()}
    found = await scan([module, MilterHeaders], mail(request=asked, headers=headers), config=config)
    return [h.value for h in found.task.added_headers], found.task.removed_headers


@pytest.mark.parametrize(
    "score, bar, level, status",
    [
        (0, "/", None, "No, score=0.00"),
        (0.99, "/", None, "No, score=0.99"),
        (1, "+", "*", "No, score=1.00"),
        (5.5, "+++++", "*****", "No, score=5.50"),  # greylist
        (6, "++++++", "******", "Yes, score=6.00"),
        (-0.5, "/", None, "No, score=-0.50"),
        (-2.5, "--", None, "No, score=-2.50"),
        (1e9, "+" * 100, "*" * 100, "Yes, score=1000000000.00"),
    ],
)
async def test_the_score_as_a_bar(score, bar, level, status):
    assert (await written("x-spamd-bar", Score=score))[0] == [bar]
    values, removed = await written("x-spam-level", Score=score)
    assert values == ([level] if level else [])
    assert removed == {"X-Spam-Level": 0}  # also where a stranger wrote more than we do
    assert (await written("x-spam-status", Score=score))[0] == [status]


async def test_signs_can_be_chosen():
    signs = 'positive = p; negative = n; neutral = ""'
    assert (await written("x-spamd-bar", options=signs, Score=2))[0] == ["pp"]
    assert (await written("x-spamd-bar", options=signs, Score=-2))[0] == ["nn"]
    assert (await written("x-spamd-bar", options=signs, Score=0))[0] == []
    assert (await written("x-spam-level", options='char = "#"', Score=2))[0] == ["##"]


@pytest.mark.parametrize(
    "score, action, junk",
    [
        (1, "no action", []),
        (4, "greylist", []),
        (6, "add header", ["Junk"]),
        (20, "reject", ["Junk"]),
    ],
)
async def test_the_action_and_the_spam_header(score, action, junk):
    assert (await written("x-rspamd-action", Score=score))[0] == [action]
    values, removed = await written("spam-header", Score=score)
    assert (values, removed) == (junk, {"Deliver-To": 0})


async def test_the_result_names_symbols_by_weight_or_by_name():
    values, _ = await written("x-spamd-result", Score=20, Virus="a b", Virus_Fail=1)
    assert values[0].split("\r\n\t") == [
        "default: True [20.00 / 15.00];",
        "FOUND(20.00)[];",
        "VIRUS(0.00)[a,b];",
        "VIRUS_FAIL(0.00)[timeout]",
    ]
    values, _ = await written("x-spamd-result", options="sort_by = name", Virus="z", Score=0.5)
    assert [line.partition("(")[0] for line in values[0].split("\r\n\t")[1:]] == ["FOUND", "VIRUS"]


async def test_the_queue_id_only_if_known():
    assert (await written("x-rspamd-queue-id", Queue_Id="4F1"))[0] == ["4F1"]
    assert await written("x-rspamd-queue-id") == ([], {"X-Rspamd-Queue-Id": 0})


async def test_the_server():
    assert (await written("x-rspamd-server"))[0] == [platform.node()]
    assert (await written("x-rspamd-server", options="hostname = scanner.example"))[0] == [
        "scanner.example"
    ]


VIRUS = (
    "symbols = [VIRUS]; symbols_fail = [VIRUS_FAIL]; "
    "status_clean = Clean; status_infected = Infected; status_fail = Unknown"
)


@pytest.mark.parametrize(
    "options, request_headers, values",
    [
        (VIRUS, {}, ["Clean"]),
        (VIRUS, {"Virus": "eicar other"}, ["Infected, eicar,other"]),
        (VIRUS, {"Virus_Fail": 1}, ["Unknown(timeout)"]),
        (VIRUS, {"Virus": "eicar", "Virus_Fail": 1}, ["Infected, eicar"]),
        ("symbols = [VIRUS]", {"Virus": "eicar"}, ["eicar"]),
        ("symbols = [VIRUS]", {"Virus": " "}, ["unknown"]),
        ("symbols = [VIRUS]", {}, []),
        (
            "symbols_fail = [VIRUS_FAIL]; status_fail = Failed",
            {"Virus_Fail": 1},
            ["Failed(timeout)"],
        ),
        ("symbols_fail = [VIRUS_FAIL]; status_clean = Clean", {"Virus_Fail": 1}, []),
    ],
)
async def test_what_antivirus_found(options, request_headers, values):
    found, removed = await written("x-virus", options=options, **request_headers)
    assert (found, removed) == (values, {"X-Virus": 0})


SYSTEM = ("Linux 5.x", "DSL", 42, 10)
HASH = {"hash": "aa", "rule": "local", "flag": 1, "prob": 0.5}


@pytest.mark.parametrize(
    "routine, variable, left, value",
    [
        (
            "x-os-fingerprint",
            "os_fingerprint",
            SYSTEM,
            "Linux 5.x, (up: 42 min), (distance 10, link: DSL)",
        ),
        ("stat-signature", "stat_signature", "0a1b", "0a1b"),
        ("fuzzy-hashes", "fuzzy_hashes", ["aa", "bb"], "aa,\r\n\tbb"),
        ("fuzzy-hashes", "fuzzy_hashes", [HASH], "aa (rule=local; flag=1; prob=0.5)"),
    ],
)
async def test_what_other_modules_left(routine, variable, left, value):
    assert (await written(routine, left={variable: left}))[0] == [value]
    assert (await written(routine))[0] == []


async def test_each_fuzzy_hash_has_its_header_in_the_mode_override():
    more = "headers_modify_mode = override;"
    found, _ = await written("fuzzy-hashes", more=more, left={"fuzzy_hashes": ["aa", "bb"]})
    assert found == ["aa", "bb"]


async def test_plain_headers_come_and_go():
    options = "headers { X-One = a; X-Two = 2 }; remove = 1"
    assert await written("add-headers", options=options) == (["a", "2"], {"X-One": 1, "X-Two": 1})
    options = "headers { X-One = 0; X-Two = [1, -1] }"
    assert await written("remove-headers", options=options) == (
        [],
        {"X-One": 0, "X-Two": [1, -1]},
    )
    assert await written("remove-header", options="header = X-One; remove = -1") == (
        [],
        {"X-One": -1},
    )
    assert await written("remove-header") == ([], {})


async def test_what_is_there_may_stay():
    assert await written("x-spam-level", options="remove = null", Score=2) == (["**"], {})
    assert await written("x-spam-level", options="remove = 2", Score=2) == (
        ["**"],
        {"X-Spam-Level": 2},
    )


async def test_under_a_name_of_our_own_all_authentication_results_go():
    options = "header = X-Auth; authserv_id = mx.example"
    values, removed = await written("authentication-results", options=options)
    assert (values, removed) == (["mx.example;\r\n\tnone"], {"X-Auth": 0})
