# SPDX-License-Identifier: Apache-2.0
"""Letters are scanned, reports of the day before come out of an SMTP server, each once."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
import redis

from cli_folder import Commands
from dmarc_letters import ReportLetter, read_report
from gatepost.app import build
from gatepost.cli.dmarc_report import find_days
from gatepost.modules.dmarc.options import RedisKeys
from gatepost.modules.dmarc.report_keys import ReportKeys, day_of
from gatepost.scan.envelope import parse_envelope
from gatepost.testing import NOW, mail
from servers_redis import needs_redis, start_redis
from smtp_sink import SmtpSink

TODAY = day_of(time.time())
YESTERDAY = day_of(TODAY.begin - 1)
BEFORE = day_of(YESTERDAY.begin - 1)
DOMAINS = ("a.example", "b.example", "c.example")
KEYS = ReportKeys(RedisKeys())


def options_inc(domains=DOMAINS):
    texts = {f"_dmarc.{name}": f"v=DMARC1; p=reject; rua=mailto:d@{name}" for name in domains}
    texts["_dmarc.out.example"] = "v=DMARC1; p=none; rua=mailto:r@reports.example"
    records = [
        f'{{ name = "{name}"; type = "txt"; replies = ["{text}"]; }}'
        for name, text in texts.items()
    ]
    others = ["out.example", *domains, "out.example._report._dmarc.reports.example"]
    records += [f'{{ name = "{name}"; type = "txt"; rcode = "nxdomain"; }}' for name in others]
    return f"dns {{ fake_records = [{', '.join(records)}]; }}\n"


def dmarc_conf(port, more=""):
    return f"""
    reporting {{
        enabled = true; email = "dmarc@example.org"; domain = "mx.example.org";
        org_name = "Example"; smtp_port = {port}; retries = 0; {more}
    }}
    """


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory):
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
def commands(request, tmp_path, monkeypatch, capsys):
    commands = Commands(tmp_path, monkeypatch, capsys)
    commands.write({"local.d/options.inc": options_inc()})
    # The letters are alike: all but the first would have to wait.
    commands.write({"local.d/greylist.conf": "enabled = no;"})
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        with redis.Redis(port=server.port, protocol=2) as client:
            client.flushall()
        commands.write({"local.d/redis.conf": f'servers = "{server.address}";'})
    return commands


@pytest.fixture
def sink():
    with SmtpSink() as sink:
        yield sink


def scan(commands, *authors, day=YESTERDAY):
    """Scans a forged letter of each author on that day."""

    async def scan_all():
        opened = build(str(commands.config)).open()
        try:
            for author in authors:
                letter = mail(headers={"From": f"u@{author}"}, sender="", helo="gone.test")
                await opened.scanner.scan(
                    letter.raw, parse_envelope(letter.headers), now=day.begin + 3600.0
                )
        finally:
            await opened.close()

    asyncio.run(scan_all())


def with_store(commands, work):
    """What ``work(store)`` gives, with the store of the configuration."""

    async def run():
        opened = build(str(commands.config)).open()
        try:
            return await work(opened.store)
        finally:
            await opened.close()

    return asyncio.run(run())


def prepare(commands, sink, *authors, more=""):
    commands.write({"local.d/dmarc.conf": dmarc_conf(sink.port, more)})
    scan(commands, *authors)


def test_each_domain_gets_the_report_of_the_day_before(commands, sink):
    prepare(commands, sink, "a.example", "b.example", "a.example", "a.example")
    scan(commands, "c.example", day=TODAY)
    done = commands.run("dmarc-report")
    assert (done.code, done.err) == (0, "")
    letters = {letter.recipients: ReportLetter(letter.content) for letter in sink.all()}
    assert letters.keys() == {("d@a.example",), ("d@b.example",)}
    letter = letters["d@a.example",]
    assert letter.counts == {"203.0.113.7": 3}
    assert letter.feedback.findtext("report_metadata/date_range/begin") == str(YESTERDAY.begin)
    assert letter.feedback.findtext("report_metadata/org_name") == "Example"
    assert letter.feedback.findtext("record/row/policy_evaluated/disposition") == "reject"
    assert f"{YESTERDAY.period} a.example: sent to d@a.example (messages: 3, rows: 1," in done.out
    assert f"reports of {YESTERDAY.period}: 2, to be tried again: 0" in done.out


def test_a_second_run_sends_nothing(commands, sink):
    prepare(commands, sink, *DOMAINS)
    commands.run("dmarc-report")
    assert len(sink.all()) == 3
    done = commands.run("dmarc-report", "--json")
    assert (done.code, done.json["reports"]) == (0, [])
    assert sink.all() == []


def test_the_summary_as_json(commands, sink):
    prepare(commands, sink, "a.example", "out.example")
    done = commands.run("dmarc-report", "--json")
    found = done.json
    assert found["days"] == [
        {"day": YESTERDAY.period, "begin": YESTERDAY.begin, "end": YESTERDAY.end}
    ]
    assert (found["sent"], found["pending"], found["dry_run"]) == (1, 0, False)
    sent, unwanted = found["reports"]
    assert (sent["domain"], sent["status"], sent["messages"]) == ("a.example", "sent", 1)
    assert sent["recipients"] == ["d@a.example"]
    assert unwanted["status"] == "unwanted"
    assert "the host does not ask for these reports" in unwanted["problems"][0]


def test_a_dry_run_sends_and_changes_nothing(commands, sink):
    prepare(commands, sink, *DOMAINS)
    for _ in range(2):
        done = commands.run("dmarc-report", "--dry-run")
        assert done.code == 0
        assert done.out.count("would go to d@") == 3
    assert sink.all() == []
    assert commands.run("dmarc-report").out.count("sent to d@") == 3


def test_reports_can_be_written_instead(commands, sink, tmp_path):
    prepare(commands, sink, *DOMAINS)
    folder = tmp_path / "new" / "reports"
    assert commands.run("dmarc-report", "--output", str(folder)).code == 0
    names = [f"mx.example.org!{name}!{YESTERDAY.begin}!{YESTERDAY.end}.xml.gz" for name in DOMAINS]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert read_report((folder / names[0]).read_bytes()).tag == "feedback"
    assert sink.all() == []


def test_a_folder_that_cannot_be_written_is_told(commands, sink, tmp_path):
    prepare(commands, sink, "a.example")
    (tmp_path / "file").write_text("")
    done = commands.run("dmarc-report", "--output", str(tmp_path / "file"))
    assert done.code == 1
    assert str(tmp_path / "file") in done.err


def test_a_server_that_is_away_is_1_and_the_next_run_sends(commands, sink):
    prepare(commands, sink, "a.example")
    done = commands.run("dmarc-report", "--smtp", "127.0.0.1:1", "--json")
    assert (done.code, done.json["pending"]) == (1, 1)
    assert "127.0.0.1:1: " in done.json["reports"][0]["problems"][0]
    assert commands.run("dmarc-report", "--smtp", f"127.0.0.1:{sink.port}").code == 0
    assert len(sink.all()) == 1


def test_a_server_that_is_away_is_not_waited_for_again_and_again(commands, sink):
    prepare(commands, sink, *DOMAINS)
    done = commands.run("dmarc-report", "--smtp", "127.0.0.1:1", "--json")
    problems = [report["problems"][0] for report in done.json["reports"]]
    assert (done.code, done.json["pending"]) == (1, 3)
    assert problems[1:] == ["127.0.0.1:1 is away"] * 2
    assert commands.run("dmarc-report").code == 0
    assert len(sink.all()) == 3


def test_a_mailbox_that_is_full_is_tried_again_alone(commands, sink):
    prepare(commands, sink, "a.example", "b.example")
    sink.replies["RCPT d@b.example"] = "452 4.2.2 full"
    assert commands.run("dmarc-report").code == 1
    sink.replies.clear()
    assert commands.run("dmarc-report").code == 0
    assert [letter.recipients[0] for letter in sink.all()] == ["d@a.example", "d@b.example"]


@pytest.mark.slow
def test_killed_between_the_servers_answer_and_the_note_of_it(commands, sink):
    prepare(commands, sink, *DOMAINS)
    command = [sys.executable, "-m", "gatepost", "dmarc-report", "-c", str(commands.config)]
    letters = []

    def kill_at_the_second(letter):
        letters.append(letter)
        if len(letters) == 2:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()

    sink.when_delivered(kill_at_the_second)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, output

    sink.when_delivered(letters.append)
    done = commands.run("dmarc-report", "--json")
    statuses = {one["domain"]: one["status"] for one in done.json["reports"]}
    assert statuses == {"b.example": "busy", "c.example": "sent"}
    assert done.code == 1
    claim = KEYS.claim("b.example", YESTERDAY.period)
    assert with_store(commands, lambda store: store.delete(claim)) == 1  # half an hour passes
    assert commands.run("dmarc-report").code == 0
    assert commands.run("dmarc-report").code == 0
    assert [letter.recipients[0] for letter in letters] == [
        "d@a.example",
        "d@b.example",
        "d@c.example",
        "d@b.example",
    ]
    first, again = (ReportLetter(letters[at].content).report_id for at in (1, 3))
    assert first == again


def test_days_can_be_named(commands, sink):
    prepare(commands, sink, "a.example")
    scan(commands, "b.example", day=BEFORE)
    assert commands.run("dmarc-report", BEFORE.period, "--json").json["sent"] == 1
    assert sink.next().recipients == ("d@b.example",)
    done = commands.run("dmarc-report", "--since", BEFORE.period, "--json")
    assert [day["day"] for day in done.json["days"]] == [BEFORE.period, YESTERDAY.period]
    assert sink.next().recipients == ("d@a.example",)


def test_one_domain_can_be_named(commands, sink):
    prepare(commands, sink, *DOMAINS)
    assert commands.run("dmarc-report", "--domain", "b.example").code == 0
    assert [letter.recipients for letter in sink.all()] == [("d@b.example",)]


def test_today_can_be_looked_at(commands, sink):
    prepare(commands, sink)
    scan(commands, "a.example", day=TODAY)
    assert "would go to" in commands.run("dmarc-report", "--dry-run", TODAY.period).out


def test_today_is_not_sent(commands, sink):
    prepare(commands, sink)
    done = commands.run("dmarc-report", TODAY.period)
    assert done.code == 2
    assert "a day that is not over has no report yet" in done.err


@pytest.mark.parametrize(
    "words, message",
    [
        (["20251301"], "no day: '20251301'"),
        (["20250230"], "no day: '20250230'"),
        (["yesterday"], "no day: 'yesterday'"),
        (["20250101", "--since", "20250101"], "either days, or --since and --until"),
        (["--since", "20250103", "--until", "20250101"], "--since is after --until"),
        (["--since", "19990101", "--until", "20250101"], "more than 366 days"),
        (["--smtp", "host:port"], "--smtp: expected HOST[:PORT]"),
        (["--smtp", "host:0"], "--smtp: expected HOST[:PORT]"),
    ],
)
def test_wrong_usage_is_2(tmp_path, monkeypatch, capsys, words, message):
    commands = Commands(tmp_path, monkeypatch, capsys)
    commands.write({"local.d/dmarc.conf": dmarc_conf(25)})
    done = commands.run("dmarc-report", *words)
    assert (done.code, message in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    "conf, code, message",
    [
        ("", 1, "reports are off"),
        ("enabled = false; reporting { enabled = true; }", 1, "reports are off"),
        (
            'reporting { enabled = true; email = "d@x.example"; }',
            78,
            "dmarc.reporting: `domain` is missing",
        ),
        (
            'reporting { enabled = true; domain = "x.example"; }',
            78,
            "dmarc.reporting: `email` is missing",
        ),
        (
            'reporting { enabled = true; email = "jörg@x.example"; domain = "x.example"; }',
            78,
            "`jörg@x.example` is no address",
        ),
        (
            'reporting { enabled = true; email = "a@x"; domain = "x"; bcc_addrs = ["b <b@x>"]; }',
            78,
            "`b <b@x>` is no address",
        ),
        ("reporting { enabled = true; smtp_port = -1; }", 78, "dmarc.reporting.smtp_port"),
    ],
)
def test_what_is_not_configured_is_told(tmp_path, monkeypatch, capsys, conf, code, message):
    commands = Commands(tmp_path, monkeypatch, capsys)
    commands.write({"local.d/dmarc.conf": conf})
    done = commands.run("dmarc-report")
    assert (done.code, message in done.err) == (code, True), done.err


def test_yesterday_is_the_day_before_this_one_in_local_time(monkeypatch):
    class Arguments:
        days: list = []
        since = until = None

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        (day,) = find_days(Arguments, NOW, unfinished=False)  # the evening before, in New York
    finally:
        monkeypatch.undo()
        time.tzset()
    assert day.period == "20251230"


def test_the_help_says_what_a_crash_costs(capsys):
    from gatepost import cli

    assert cli.main(["dmarc-report", "--help"]) == 0
    assert "that one report is sent a second time" in " ".join(capsys.readouterr().out.split())
