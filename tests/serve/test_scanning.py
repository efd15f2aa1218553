# SPDX-License-Identifier: Apache-2.0
"""What stands behind every front end: a request in, a verdict or a temporary failure out."""

import logging

import pytest

from gatepost.scan.module import Module, RunAlways, Stage, Symbol, runs
from gatepost.serve.answer import AnswerOptions
from gatepost.serve.errors import ScanFailed
from gatepost.serve.reply import Peer
from gatepost.serve.scanning import Scanning
from gatepost.testing import build_app, mail, zone
from scan_tasks import module_of

HIT = module_of("hit", "g", Symbol("HIT", 3.0))
SETTINGS = "settings { one { apply { HIT = 1 } } two { apply { HIT = 2 } } }"


class Broken(Module):
    """A module that breaks the rules: its headers cannot be answered."""

    name = "broken"
    group = "g"
    outbound = RunAlways()

    @runs(Stage.FILTER, callback="BROKEN")
    def check(self, task):
        task.removed_headers = 5
        yield from ()


@pytest.fixture
async def scanning(tmp_path, request):
    modules = getattr(request, "param", [HIT])
    app = build_app(modules, config=SETTINGS, state=tmp_path)
    opened = app.open(resolver=zone())
    yield Scanning(opened.scanner, AnswerOptions())
    await opened.close()


async def ask(scanning, letter=None, peer=None):
    letter = letter or mail()
    return await scanning(list(letter.headers), letter.raw, peer or Peer())


async def test_a_verdict(scanning):
    reply = await ask(scanning)
    assert (reply.score, reply.action, set(reply.symbols)) == (3.0, "no action", {"HIT"})
    assert (scanning.in_hand, scanning.scanned, scanning.failed) == (0, 1, 0)


@pytest.mark.parametrize(
    ("asked", "listener", "score"),
    [
        (None, "", 3.0),
        ("one", "", 1.0),
        (None, "two", 2.0),
        ("one", "two", 2.0),  # a client cannot talk the listener's id away
        ("nobody", "two", 2.0),
    ],
)
@pytest.mark.parametrize("name", ["Settings-ID", "settings-id"])
async def test_the_listener_s_settings_id_stands_for_the_client_s(
    scanning, name, asked, listener, score
):
    letter = mail(request={} if asked is None else {name: asked})
    reply = await ask(scanning, letter, Peer(settings_id=listener))
    assert reply.score == score


@pytest.mark.parametrize("mime, reads_it", [(True, True), (False, False)])
async def test_a_listener_without_mime_reads_no_header(scanning, mime, reads_it):
    reply = await ask(scanning, mail(), Peer(mime=mime))
    assert (reply.message_id == "letter@example.org") is reads_it


async def test_one_line_in_the_log(scanning, caplog):
    with caplog.at_level(logging.INFO, "gatepost.task"):
        await ask(scanning, mail(request={"Queue-ID": "4ABC"}))
    [record] = [record for record in caplog.records if getattr(record, "result", False)]
    assert record.message.startswith("id: <letter@example.org>, qid: <4ABC>, ip: 203.0.113.7")
    assert record.queue_id == "4ABC"


@pytest.mark.parametrize(
    ("headers", "level"),
    [({"Log": "no"}, logging.INFO), ({"Flags": "no_log"}, logging.INFO), ({}, logging.WARNING)],
)
async def test_no_line_where_nobody_wants_one(scanning, caplog, headers, level):
    with caplog.at_level(level, "gatepost.task"):
        await ask(scanning, mail(request=headers))
    assert not [record for record in caplog.records if getattr(record, "result", False)]


async def test_the_time_of_each_check_on_request(scanning):
    assert (await ask(scanning)).profile is None
    reply = await ask(scanning, mail(request={"Profile": "yes"}))
    assert set(reply.profile) == {"HIT"}
    assert all(ms >= 0 for ms in reply.profile.values())


async def test_no_more_recipients_are_read_than_allowed(scanning, caplog):
    scanning.max_recipients = 2
    letter = mail(rcpt=[f"u{i}@example.org" for i in range(5)])
    with caplog.at_level(logging.INFO, "gatepost.task"):
        await ask(scanning, letter)
    assert "rcpts: <u0@example.org,u1@example.org>, mime_rcpts" in caplog.text


@pytest.mark.parametrize("scanning", [[Broken]], indirect=True)
async def test_whatever_goes_wrong_is_a_temporary_failure(scanning, caplog):
    with pytest.raises(ScanFailed, match="scan failed: TypeError"):
        await ask(scanning)
    assert (scanning.in_hand, scanning.failed) == (0, 1)
    assert "the scan failed: TypeError" in caplog.text
