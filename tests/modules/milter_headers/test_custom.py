# SPDX-License-Identifier: Apache-2.0
"""The postmaster's own routines: how they are found, called, and what their mistakes cost."""

import logging

import pytest

from gatepost.modules.milter_headers import MilterHeaders
from gatepost.testing import Bench, mail

RULES = """
def plain(task):
    return {"X-From": task.sender.addr}

def my_routine(task):
    return {"X-Named": "by the routine's name"}

def pair(task, shared):
    shared["seen"] = shared.get("seen", 0) + 1
    return {"X-Seen": shared["seen"]}, {"X-Old": 0, "X-Older": [1, -1]}

def again(task, shared):
    return {"X-Again": shared.get("seen")}, ["X-Gone"]

async def waits(task):
    answer = await task.resolver.query("example.org", "TXT")
    return {"X-Waited": answer.rcode}

def many(task):
    return {"X-Many": ["a", {"value": "b", "order": 1}]}

def nothing(task):
    return None

def smuggles(task):
    return {"X-Subject": task.message.headers.get("Subject") + "\\r\\nBcc: x@evil.example"}

def breaks(task):
    raise KeyError("a mistake")

def wrong(task):
    return ["X-A"]

def bad_name(task):
    return {"X A": "b"}
"""


async def written(tmp_path, *names, custom=None, **letter):
    (tmp_path / "own.py").write_text(RULES)
    lines = custom or "".join(f'{name} = "{tmp_path}/own.py:{name}";' for name in names)
    config = (
        "milter_headers { remove_upstream_spam_flag = no; use = [x-spam-level, "
        f"{', '.join(names)}]; custom {{ {lines} }} }}"
    )
    async with Bench([MilterHeaders], config=config, folder=tmp_path) as bench:
        task = (await bench.scan(mail(**letter))).task
    added = [(h.name, h.value, h.order) for h in task.added_headers]
    removed = {
        name: which for name, which in task.removed_headers.items() if name != "X-Spam-Level"
    }
    assert "X-Spam-Level" in task.removed_headers  # the others did their work
    return added, removed


@pytest.mark.parametrize(
    "names, added, removed",
    [
        (["plain"], [("X-From", "alice@example.org", None)], {}),
        (["pair"], [("X-Seen", "1", None)], {"X-Old": 0, "X-Older": [1, -1]}),
        (
            ["pair", "again"],
            [("X-Seen", "1", None), ("X-Again", "1", None)],
            {"X-Old": 0, "X-Older": [1, -1], "X-Gone": 0},
        ),
        (["waits"], [("X-Waited", "nxdomain", None)], {}),
        (["many"], [("X-Many", "a", None), ("X-Many", "b", 1)], {}),
        (["nothing"], [], {}),
        (["smuggles"], [("X-Subject", "a letter Bcc: x@evil.example", None)], {}),
    ],
)
async def test_own_routines(tmp_path, names, added, removed):
    assert await written(tmp_path, *names) == (added, removed)


@pytest.mark.parametrize(
    "name, said", [("breaks", "KeyError"), ("wrong", "TypeError"), ("bad_name", "ValueError")]
)
async def test_a_mistake_costs_only_what_it_would_have_written(tmp_path, caplog, name, said):
    with caplog.at_level(logging.ERROR):
        added, removed = await written(tmp_path, name, "plain")
    assert (added, removed) == ([("X-From", "alice@example.org", None)], {})
    assert f"{name}: {said}" in caplog.text


async def test_they_run_for_users_and_machines_of_ours_too(tmp_path):
    (tmp_path / "own.py").write_text(RULES)
    config = f'milter_headers {{ use = [plain]; custom {{ plain = "{tmp_path}/own.py:plain" }} }}'
    async with Bench([MilterHeaders], config=config) as bench:
        task = (await bench.scan(mail(user="anna", ip="127.0.0.1"))).task
    assert [h.name for h in task.added_headers] == ["X-From"]


async def test_a_file_alone_has_a_function_of_the_name_of_the_routine(tmp_path):
    custom = f'my-routine = "{tmp_path}/own.py"'
    added, _ = await written(tmp_path, "my-routine", custom=custom)
    assert added == [("X-Named", "by the routine's name", None)]
