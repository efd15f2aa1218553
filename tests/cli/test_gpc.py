# SPDX-License-Identifier: Apache-2.0
"""gpc as a command, against a scan port on loopback; rspamc too where there is one."""

import asyncio
import json
import re
import shutil
import sys

import pytest

from gatepost.cli.gpc import main
from gatepost.serve.errors import ScanFailed
from gatepost.serve.reply import SymbolReply
from scan_port_client import PATIENCE, Scanner, serving, verdict

MESSAGE = b"From: alice@example.org\r\nSubject: hi\r\n\r\ntext\r\n"


async def command(*argv, stdin=b""):
    """Runs a command; gives its exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin), PATIENCE * 2)
    return process.returncode, out.decode(), err.decode()


async def gpc(served, *argv, stdin=b""):
    server = f"127.0.0.1:{served.address[1]}"
    return await command(sys.executable, "-m", "gatepost.cli.gpc", "-h", server, *argv, stdin=stdin)


def found():
    reply = verdict("add header", message_id="m1@example.org", urls=["example.com"])
    reply.symbols["GTUBE"] = SymbolReply("GTUBE", 1.5, 1.5, options=["a", "b"])
    return reply


@pytest.mark.slow
async def test_stdin_is_scanned_and_the_result_printed():
    scanner = Scanner(found())
    async with serving(scanner) as served:
        code, out, err = await gpc(served, "-u", "alice", "-i", "10.0.0.5", stdin=MESSAGE)
    assert (code, err) == (0, "")
    assert re.sub(r"\([\d.]+ seconds\)", "(T)", out) == (
        "Results for file: stdin (T)\n[Metric: default]\nAction: add header\nSpam: true\n"
        "Score: 1.50 / 15.00\nSymbol: GTUBE (1.50)[a, b]\nMessage-ID: m1@example.org\n"
        'Urls: ["example.com"]\n\n'
    )
    [(headers, body, _)] = scanner.seen
    assert body == MESSAGE
    assert {("User-Agent", "rspamc"), ("User", "alice"), ("Ip", "10.0.0.5"),
            ("Filename", "stdin")} <= set(headers)  # fmt: skip


@pytest.mark.slow
async def test_several_messages_at_once_are_printed_in_their_order(tmp_path):
    for number in range(20):
        (tmp_path / f"{number:02}.eml").write_bytes(b"Subject: %d\n\n" % number)
    scanner = Scanner()
    async with serving(scanner) as served:
        code, out, _ = await gpc(served, "-n", "4", "--compact", "-z", "--msgpack", str(tmp_path))
    assert code == 0
    names = [json.loads(line)["filename"] for line in out.splitlines()]
    assert names == [str(tmp_path / f"{number:02}.eml") for number in range(20)]
    assert len(scanner.seen) == 20


@pytest.mark.slow
async def test_what_fails_is_said_and_the_rest_is_done(tmp_path):
    (tmp_path / "a.eml").write_bytes(MESSAGE)
    async with serving(Scanner()) as served:
        code, out, err = await gpc(
            served, "--compact", str(tmp_path / "none"), str(tmp_path / "a.eml")
        )
    assert code == 1
    assert "cannot open file" in err
    assert json.loads(out)["action"] == "no action"
    async with serving(Scanner(ScanFailed("no verdict"))) as served:
        code, out, _ = await gpc(served, str(tmp_path / "a.eml"))
    assert code == 1
    assert out.splitlines()[1] == "HTTP error: 500, no verdict"


@pytest.mark.slow
async def test_output_can_go_to_a_program_whose_status_counts():
    async with serving(Scanner(found())) as served:
        code, out, _ = await gpc(served, "-m", "-e", "cat -", stdin=MESSAGE)
        assert code == 0
        assert "X-Spam-Action: add header" in out
        assert "\ntext" in out
        code, _, _ = await gpc(served, "-e", "sh -c 'exit 6'", stdin=MESSAGE)
        assert code == 6


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["learn_spam", "x"], 1, "learn_spam needs the controller"),
        (["stat"], 1, "stat needs the controller"),
        (["learn_class:news"], 1, "needs the controller"),
        (["--nonsense"], 2, "unrecognized arguments"),
        (["-h", "a:b", "x"], 2, "expected host"),
        (["--header", "a b", "x"], 2, "expected 'Name: value'"),
        (["-e", "'", "x"], 2, "No closing quotation"),
        (["-h", "/no/such/socket", "/no/such/file"], 1, "cannot open file"),
    ],
)
def test_exit_codes_and_what_is_said(argv, code, said, capsys):
    assert main(argv) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("argv", "said"), [(["--help"], "examples:"), (["--commands"], "symbols"),
                                            (["--version"], "gpc ")])  # fmt: skip
def test_questions_about_itself_are_answered(argv, said, capsys):
    assert main(argv) == 0
    assert said in capsys.readouterr().out


@pytest.mark.slow
async def test_it_starts_without_what_it_does_not_need():
    heavy = "{'numpy', 'jinja2', 'hyperscan', 'msgspec', 'zstandard', 'uvloop'}"
    code, out, err = await command(
        sys.executable, "-c", f"import sys, gatepost.cli.gpc; print({heavy} & set(sys.modules))"
    )
    assert (code, out, err) == (0, "set()\n", "")


RSPAMC = shutil.which("rspamc")


@pytest.mark.server
@pytest.mark.skipif(RSPAMC is None, reason="rspamc is not installed")
@pytest.mark.parametrize("options", [[], ["-z"], ["-j"]])
async def test_rspamc_itself_talks_to_our_port(tmp_path, options):
    (tmp_path / "m.eml").write_bytes(MESSAGE)
    scanner = Scanner(found())
    async with serving(scanner) as served:
        where = f"127.0.0.1:{served.address[1]}"
        argv = ["-h", where, *options, "-u", "alice", "-i", "10.0.0.5", "-F", "a@x.example",
                "-r", "b@y.example", "-r", "c@y.example", str(tmp_path / "m.eml")]  # fmt: skip
        code, theirs, err = await command(RSPAMC, *argv)
        _, ours, _ = await gpc(served, *argv[2:])
    assert (code, err) == (0, "")
    assert [body for _, body, _ in scanner.seen] == [MESSAGE, MESSAGE]
    envelopes = [
        sorted((n.lower(), v) for n, v in headers if n.lower() in ("user", "ip", "from", "rcpt"))
        for headers, _, _ in scanner.seen
    ]
    assert envelopes[0] == envelopes[1]
    if options == ["-j"]:
        their, our = json.loads(theirs), json.loads(ours)
        del their["scan_time"], our["scan_time"]
        assert their == our
    else:
        without_time = [re.sub(r"\(\S+ seconds\)", "", text) for text in (theirs, ours)]
        assert without_time[0] == without_time[1]


@pytest.mark.server
@pytest.mark.skipif(RSPAMC is None, reason="rspamc is not installed")
async def test_rspamc_shows_our_errors():
    async with serving(Scanner(ScanFailed("no verdict"))) as served:
        code, out, _ = await command(RSPAMC, "-h", f"127.0.0.1:{served.address[1]}", stdin=MESSAGE)
    assert code == 1
    assert "HTTP error: 500, no verdict" in out
