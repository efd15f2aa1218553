# SPDX-License-Identifier: Apache-2.0
"""Is what docs/python-rules.md shows and promises true?"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gatepost.modules.python import Python
from gatepost.plugin import Stage, symbol
from gatepost.scan.task import Task
from gatepost.testing import Bench, Letter, mail, zone

PAGE = (Path(__file__).parent.parent / "docs" / "python-rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

PROGRAM = b"""From: a@example.org\r
Content-Type: multipart/mixed; boundary=b\r
Subject: Your invoice\r
\r
--b\r
Content-Disposition: attachment; filename="Invoice.EXE"\r
\r
MZ\r
--b--\r
"""


def cells(heading: str) -> list[str]:
    """The first column of every table under that heading that starts with it."""
    tables = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|---.*\n((?:\|.*\n)+)", PAGE, re.M)
    rows = [row.split("|")[1].strip() for table in tables for row in table.splitlines()]
    assert rows
    return rows


def expressions(heading: str) -> list[str]:
    return [found for row in cells(heading) for found in re.findall(r"`([^`]+)`", row)]


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Bench]:
    """All example rules of the page at once."""
    names = []
    for number, example in enumerate(EXAMPLES):
        path = tmp_path / f"{number}.py"
        path.write_text(example)
        names.append(f'python = "{path}";')
    dns = zone("7.113.0.203.partners.example.org. A 127.0.0.2")
    async with Bench([Python], config="\n".join(names), dns=dns) as bench:
        yield bench


@pytest.mark.parametrize(
    "letter, hits, action",
    [
        (mail(ip=None), {}, "no action"),
        (mail(ip=None, headers={"Subject": " "}), {"NO_SUBJECT": []}, "no action"),
        (mail(), {"PARTNER": ["127.0.0.2"]}, "no action"),
        (
            mail(ip="::1", raw=PROGRAM),
            {
                "INVOICE_SUBJECT": [],
                "ATTACHED_PROGRAM": ["Invoice.EXE"],
                "ATTACHMENTS": ["Invoice.EXE"],
            },
            "no action",
        ),
        (mail(ip=None, user="monitoring@example.org"), {"TEST_ACCOUNT": []}, "no action"),
        (mail(ip=None, user="anna"), {"NEW_CORRESPONDENT": []}, "no action"),
    ],
)
async def test_the_examples_find_what_they_are_for(
    page: Bench, letter: Letter, hits: dict[str, list[str]], action: str
) -> None:
    result = await page.scan(letter)
    assert (result.hits, result.action) == (hits, action)
    assert {o.outcome for o in result.outcomes.values()} <= {"ran", "skipped"}


async def test_a_correspondent_is_new_once(page: Bench) -> None:
    assert (await page.scan(mail(user="anna", ip=None))).hits
    assert not (await page.scan(mail(user="anna", ip=None))).hits


async def test_the_postfilter_holds_a_users_spam_back(page: Bench) -> None:
    raw = PROGRAM.replace(
        b"--b--", b'--b\r\nContent-Disposition: attachment; filename="b.js"\r\n\r\nx\r\n--b--'
    )
    result = await page.scan(mail(user="anna", raw=raw))
    assert result.hits["USER_SPAM"] == [f"{result.score:.1f}"]
    assert result.action == "soft reject"


@pytest.fixture
async def task() -> AsyncIterator[Task]:
    async with Bench([Python], dns=zone("example.org. MX 10 mx.example.org.")) as bench:
        yield (await bench.scan(mail(user="anna@example.org"))).task


@pytest.mark.parametrize("text", expressions("attribute"))
async def test_every_attribute_is_there(task: Task, text: str) -> None:
    if text.startswith("task."):
        eval(text, {"task": task})


@pytest.mark.parametrize("text", expressions("in an `async` rule"))
async def test_every_call_that_waits_is_there(text: str) -> None:
    async with Bench([Python], dns=zone("example.org. MX 10 mx.example.org.")) as bench:
        task = (await bench.scan(mail())).task
        await eval(text.removeprefix("await "), {"task": task})


def test_every_keyword_of_the_decorator_is_described() -> None:
    described = set(expressions("keyword"))
    assert described == set(inspect.signature(symbol).parameters) - {"name"}
    assert all(f"`{stage.name}`" in PAGE or f".{stage.name}`" in PAGE for stage in Stage)
