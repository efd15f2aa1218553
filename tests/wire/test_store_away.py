# SPDX-License-Identifier: Apache-2.0
"""What becomes of scans and of what was learnt when Redis stops, or hangs, and comes back?"""

from __future__ import annotations

import json
import signal
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from gatepost.testing import Letter, mail
from gatepost_server import GatepostServer, run_gatepost
from servers_redis import needs_redis, start_redis, wait_until

pytestmark = [*needs_redis, pytest.mark.slow]

LASTING = ["--appendonly", "yes", "--appendfsync", "always"]
FILES = {
    "local.d/redis.conf": 'servers = "%s"; timeout = 1s;',
    "local.d/spamtrap.conf": 'enabled = yes; score = 5; map = ["/^trap@/"];',
    "local.d/greylist.conf": "timeout = 1h;",
    "local.d/known_senders.conf": 'enabled = yes; domains = ["free.example"];',
    "local.d/reputation.conf": """rules { FROM_REP { backend "redis" { }
        selector "generic" { selector = "from:domain"; lower_bound = 1; } } }""",
    "local.d/ratelimit.conf": 'rates { user { bucket { burst = 3; rate = "1 / 1d"; } } }',
    "local.d/rbl.conf": "enabled = no;",
}
SUSPECT = mail(rcpt="trap@example.net")
STRANGER = mail(sender="eve@free.example")
SENT = mail(user="alice@example.org", headers={"Message-ID": "<ours@example.org>"})
ANSWER = mail(
    sender="bob@example.net",
    rcpt="alice@example.org",
    headers={"In-Reply-To": "<ours@example.org>"},
)
SAID = [
    "greylist: the records cannot be read",
    "known_senders: the set cannot be used",
    "reputation: FROM_REP is not known",
    "reputation: FROM_REP learns nothing",
    "replies: the id cannot be looked up",
    "replies: the id cannot be stored",
    "ratelimit: ",
]


def ask(server: GatepostServer, letter: Letter) -> tuple[str, set[str]]:
    """The action and the symbols of a scan, which takes no longer than Redis is waited for."""
    host, port = server.scan.split(":")
    connection = HTTPConnection(host, int(port), timeout=20)
    began = time.monotonic()
    connection.request("POST", "/checkv2", letter.raw, dict(letter.headers))
    response = connection.getresponse()
    reply = json.loads(response.read())
    connection.close()
    assert response.status == 200, reply
    assert time.monotonic() - began < 10
    return reply["action"], set(reply["symbols"])


@pytest.mark.parametrize("how", ["stops", "hangs"])
def test_scans_go_on_without_redis_and_what_was_learnt_is_there_again(
    tmp_path: Path, how: str
) -> None:
    redis = start_redis(tmp_path, options=LASTING)
    files = {**FILES, "local.d/redis.conf": FILES["local.d/redis.conf"] % redis.address}
    try:
        with run_gatepost(tmp_path / "gatepost", files) as server:
            assert ask(server, SUSPECT)[0] == "soft reject"
            assert "UNKNOWN_SENDER" in ask(server, STRANGER)[1]
            assert ask(server, SENT)[0] == "no action"

            if how == "stops":
                redis.stop()
            else:
                redis.process.send_signal(signal.SIGSTOP)
            away = [ask(server, one) for one in (SUSPECT, STRANGER, ANSWER, SENT, SENT, SENT, SENT)]
            assert [action for action, _ in away] == ["add header"] + ["no action"] * 6
            learnt = {"GREYLIST", "KNOWN_SENDER", "UNKNOWN_SENDER", "REPLY", "FROM_REP"}
            assert not learnt & set().union(*(symbols for _, symbols in away))
            for line in SAID:
                server.process.wait_for(line)

            if how == "stops":
                redis = start_redis(tmp_path, port=redis.port, options=LASTING)
            else:
                redis.process.send_signal(signal.SIGCONT)
            wait_until(lambda: {"KNOWN_SENDER", "FROM_REP"} <= ask(server, STRANGER)[1])
            assert "REPLY" in ask(server, ANSWER)[1]
            assert ask(server, SUSPECT)[0] == "soft reject", "its record says that it is too early"
            # One of the three was used before; those of meanwhile were not counted.
            assert [ask(server, SENT)[0] for _ in range(3)] == [
                "no action",
                "no action",
                "soft reject",
            ]
    finally:
        redis.process.send_signal(signal.SIGCONT)
        redis.stop()
