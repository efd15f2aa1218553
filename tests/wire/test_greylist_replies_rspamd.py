# SPDX-License-Identifier: Apache-2.0
"""Do Rspamd and Gatepost, on one Redis, greylist the same letters and know the same answers?

Rspamd 3.4 names the record of a letter by its body alone, 4.x (which we follow) by subject,
author and recipients too: here only the record of where a letter comes from is shared.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection

import pytest
import redis

from gatepost.modules.greylist import Greylist
from gatepost.modules.replies import Replies
from gatepost.modules.spamtrap import Spamtrap
from gatepost.store import Store, StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.testing import Bench, Letter, mail
from servers_redis import RedisServer, needs_redis, start_redis
from servers_rspamd import RspamdServer, needs_rspamd, run_rspamd

pytestmark = [*needs_redis, *needs_rspamd, pytest.mark.slow]

ACTIONS = 'reject = 15; "add header" = 10; greylist = -100;'
GREYLIST = 'whitelisted_ip = ["192.0.2.1"];'
SPAMTRAP = 'enabled = true; action = "add header"; map = "%s/traps.map";'
MODULES = ("greylist", "replies", "spamtrap", "redis")
Found = tuple[str, dict[str, list[str]]]
"""The action, and the symbols with their options."""


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RedisServer, RspamdServer, str]]:
    folder = tmp_path_factory.mktemp("greylist")
    state = start_redis(folder)
    files = {
        "local.d/redis.conf": f'servers = "{state.address}";',
        "local.d/actions.conf": ACTIONS,
        "local.d/greylist.conf": GREYLIST,
        "local.d/spamtrap.conf": SPAMTRAP % (folder / "rspamd"),
        "traps.map": "/^trap@/\n/@trap\\.example$/\n",
    }
    try:
        with run_rspamd(folder / "rspamd", files, modules=MODULES) as rspamd:
            yield state, rspamd, SPAMTRAP % (folder / "rspamd")
    finally:
        state.stop()


class Pair:
    """The same letters to both programs."""

    def __init__(self, rspamd: RspamdServer, bench: Bench, client: redis.Redis) -> None:
        self.rspamd = rspamd
        self.bench = bench
        self.client = client

    def there(self, letter: Letter) -> Found:
        """What Rspamd says."""
        host, port = self.rspamd.scan.split(":")
        connection = HTTPConnection(host, int(port), timeout=20)
        connection.putrequest("POST", "/checkv2")
        for name, value in (*letter.headers, ("Content-Length", str(len(letter.raw)))):
            connection.putheader(name, value.encode())
        connection.endheaders(letter.raw)
        reply = json.loads(connection.getresponse().read())
        connection.close()
        symbols = {name: found.get("options", []) for name, found in reply["symbols"].items()}
        return reply["action"], without_dates(symbols)

    async def here(self, letter: Letter, *, later: float = 0.0) -> Found:
        """What we say, ``later`` seconds from now."""
        result = await self.bench.scan(letter, now=time.time() + later)
        return result.action, without_dates(result.hits)

    async def both(self, letters: Sequence[Letter]) -> tuple[list[Found], list[Found]]:
        """What both say of a sequence of letters, each from an empty store."""
        theirs = [self.there(letter) for letter in letters]
        self.client.flushall()
        return [await self.here(letter) for letter in letters], theirs


@pytest.fixture
async def pair(servers):
    state, rspamd, traps = servers
    client = redis.Redis(port=state.port, protocol=2)
    client.flushall()
    store: Store = RedisStore(StoreSettings(servers=[state.address], timeout=10.0))
    config = f"""actions {{ {ACTIONS} }} greylist {{ {GREYLIST} }} spamtrap {{ {traps} }}
        options {{ local_addrs = "10.0.0.0/8"; }}"""
    async with Bench([Greylist, Replies, Spamtrap], config=config, store=store) as bench:
        yield Pair(rspamd, bench, client)
    await store.close()
    client.close()


def without_dates(symbols: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        name: [option for option in options if not option.endswith("GMT")]
        for name, options in symbols.items()
        if name in ("GREYLIST", "REPLY", "SPAMTRAP")
    }


DIRECTIONS = {
    "inbound": {"ip": "203.0.113.7"},
    "local": {"ip": "10.1.2.3"},
    "authenticated": {"ip": "203.0.113.7", "user": "anna"},
    "both": {"ip": "10.1.2.3", "user": "anna"},
    "inbound over IPv6": {"ip": "2001:db8::7"},
    "inbound from a friend": {"ip": "192.0.2.1"},
}
LETTERS = {
    "twice": [{}, {}],
    "another body": [{}, {"body": "other\r\n"}],
    "another sender": [{}, {"sender": "eve@example.org", "body": "other\r\n"}],
    "bounces": [{"sender": ""}, {"sender": ""}],
    "two recipients": [{"rcpt": ["b@example.net", "a@example.net"]}] * 2,
    "no body": [{"body": ""}, {"body": ""}],
    "by hand": [{"request": {"User-Agent": "rspamc"}, "sender": "x@example.org"}],
}
TRAPS = {
    "a trap": [{"rcpt": "Trap@example.net"}],
    "a trap by its domain": [{"rcpt": "any@trap.example"}],
    "a trap among others": [{"rcpt": ["trap@example.net", "bob@example.net"]}],
    "no trap": [{"rcpt": "bob@example.net"}],
}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", LETTERS)
async def test_the_same_letters_wait(pair: Pair, name, direction) -> None:
    letters = [mail(**{**DIRECTIONS[direction], **letter}) for letter in LETTERS[name]]
    ours, theirs = await pair.both(letters)
    if name == "by hand" and "GREYLIST" in ours[0][1]:
        # 3.4 shows nothing of a letter that would be new; 4.1 and we show the symbol.
        ours = [(action, {}) for action, _ in ours]
    assert ours == theirs


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", TRAPS)
async def test_the_same_letters_are_trapped(pair: Pair, name, direction) -> None:
    ours, theirs = await pair.both(
        [mail(**DIRECTIONS[direction], **letter) for letter in TRAPS[name]]
    )
    assert ours == theirs
    trapped = direction.startswith("inbound") and name in ("a trap", "a trap by its domain")
    assert ("SPAMTRAP" in ours[0][1]) == trapped


ANSWER = {"In-Reply-To": "<letter@example.org>", "Message-ID": "<answer@example.net>"}
BACK = {
    "body": "yes\r\n",
    "sender": "bob@example.net",
    "rcpt": "alice@example.org",
    "headers": ANSWER,
}


@pytest.mark.parametrize("answered", DIRECTIONS)
@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_the_same_answers_are_known(pair: Pair, direction, answered) -> None:
    letters = [mail(**DIRECTIONS[direction]), mail(**BACK, **DIRECTIONS[answered])]
    ours, theirs = await pair.both(letters)
    assert ours == theirs
    assert ("REPLY" in ours[1][1]) == (not direction.startswith("inbound"))


async def test_who_waited_there_passes_here_and_the_other_way_round(pair: Pair) -> None:
    here, there = mail("a\r\n", sender="a@example.org"), mail("b\r\n", sender="b@example.org")
    assert pair.there(here) == ("soft reject", {"GREYLIST": ["greylisted", "new record"]})
    assert await pair.here(here, later=60) == (
        "soft reject",
        {"GREYLIST": ["greylisted", "too early"]},
    )
    assert await pair.here(here, later=400) == ("no action", {"GREYLIST": ["pass", "meta"]})
    assert (await pair.here(there, later=-400))[0] == "soft reject"
    assert pair.there(there) == ("no action", {"GREYLIST": ["pass", "meta"]})


async def test_what_was_sent_there_is_answered_here_and_the_other_way_round(pair: Pair) -> None:
    sent, answer = mail(user="alice"), mail(**BACK)
    pair.there(sent)
    assert "REPLY" in (await pair.here(answer))[1]
    pair.client.flushall()
    await pair.here(sent)
    assert "REPLY" in pair.there(answer)[1]
