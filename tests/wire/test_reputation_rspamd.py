# SPDX-License-Identifier: Apache-2.0
"""Do Rspamd and Gatepost think the same of a sender, and may they share what they learnt?

Both look at one Redis, scan the same letter, and have to leave the same hashes behind. Links are
only learnt: Rspamd 3.4 fails where it reads what it knows of them. It knows no hashed names.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis

from gatepost.modules.reputation import Reputation
from gatepost.store import StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.testing import Bench, Letter, mail
from servers_redis import RedisServer, needs_redis, start_redis
from servers_rspamd import RspamdServer, needs_rspamd, rspamc_json, run_rspamd

pytestmark = [*needs_redis, *needs_rspamd]

RULES = """
  rules {
    SENDER { selector "ip" { lower_bound = 5; } backend "redis" { } symbol = "SENDER_REP"; }
    LINKS { selector "url" { lower_bound = 1000; } backend "redis" { } }
    USER_OUT {
      selector "generic" { selector = "user"; inbound = false; lower_bound = 5; }
      backend "redis" { prefix = "RU:"; }
    }
    RCPT_IN {
      selector "generic" { selector = "rcpts:domain"; outbound = false; lower_bound = 5; }
      backend "redis" {
        prefix = "RD:";
        buckets = [
          { name = "1d"; time = 86400; mult = 1.5; },
          { name = "1m"; time = 2592000; mult = 1.0; },
        ]
      }
    }
  }
"""
GROUP = """symbols {
    "SENDER_REP_HAM" { weight = -1.0; }
    "SENDER_REP_SPAM" { weight = 2.0; }
    "USER_OUT" { weight = 4.0; }
    "RCPT_IN" { weight = 5.0; }
}"""
SHIPPED = 'options { local_addrs = "10.0.0.0/8"; } actions { reject = 15; add_header = 6; }'
SYMBOLS = ("SENDER_REP_HAM", "SENDER_REP_SPAM", "USER_OUT", "RCPT_IN")

BODY = "http://www.evil.org/1 http://evil.org/2 http://fine.net/ http://new.com/\r\n"
KNOWN = {
    "RR:i:203.0.113.7": ("9", {"v1m": "12.25"}),
    "RR:i:2001:db8::": ("9", {"v1m": "-3"}),
    "RR:i:198.51.100.1": ("4", {"v1m": "30"}),
    "RR:evil.org": ("40", {"v1m": "14"}),
    "RR:fine.net": ("20", {"v1m": "1"}),
    "RU:anna": ("6", {"v1m": "11"}),
    "RU:bob": ("6", {"v1m": "0"}),
    "RD:example.com": ("50", {"v1d": "9", "v1m": "3.5"}),
}
TO = {"rcpt": ["x@example.com"]}
LETTERS = {
    "inbound": mail(BODY, ip="203.0.113.7", **TO),
    "a good network": mail(ip="2001:db8::7", rcpt=["x@example.com", "y@example.org"]),
    "too few letters": mail(ip="198.51.100.1", rcpt="x@example.org"),
    "nobody knows him": mail(ip="192.0.2.99", rcpt="x@example.org"),
    "a user": mail(BODY, ip="203.0.113.7", user="anna", **TO),
    "a good user": mail(ip="203.0.113.7", user="bob", **TO),
    "a user of our own network": mail(ip="10.0.0.5", user="anna", **TO),
    "our own machine": mail(BODY, ip="10.0.0.5", **TO),
}
AGO = 10 * 86_400


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, RspamdServer]]:
    folder = tmp_path_factory.mktemp("reputation")
    state = start_redis(folder)
    files = {
        "local.d/redis.conf": f'servers = "{state.address}";',
        "local.d/reputation.conf": RULES,
        "local.d/groups.conf": f'group "reputation" {{ {GROUP} }}',
    }
    try:
        with run_rspamd(folder / "rspamd", files, modules=("redis", "reputation")) as rspamd:
            yield state, rspamd
    finally:
        state.stop()


def learn_before(client: redis.Redis) -> None:
    """Puts what was learnt earlier into Redis, as Rspamd writes it."""
    client.flushall()
    last = str(int(time.time() - AGO) * 1000)
    for key, (letters, averages) in KNOWN.items():
        client.hset(key, mapping={"n": letters, "l": last, **averages})


def learnt(client: redis.Redis) -> dict[str, dict[str, float]]:
    """All hashes but for the time of the last letter."""
    found: dict[str, dict[str, float]] = {}
    for key in client.scan_iter("R[RUD]:*"):
        fields = {name.decode(): float(value) for name, value in client.hgetall(key).items()}
        assert fields.pop("l") > 0
        found[key.decode()] = fields
    return found


def scan_there(server: RspamdServer, given: Letter) -> dict[str, float]:
    options = [part for name, value in given.headers for part in ("--header", f"{name}={value}")]
    # Its client would be one that the ip selector leaves alone.
    reply = rspamc_json(server.scan, given.raw, "--header", "User-Agent=test", *options)
    symbols = reply["symbols"]
    assert isinstance(symbols, dict)
    return {name: found["score"] for name, found in symbols.items() if name in SYMBOLS}


@pytest.mark.slow
@pytest.mark.parametrize("given", LETTERS.values(), ids=LETTERS)
async def test_both_say_and_learn_the_same(servers, given: Letter) -> None:
    state, rspamd = servers
    client = redis.Redis(port=state.port, protocol=2)
    learn_before(client)
    theirs, kept_there = scan_there(rspamd, given), learnt(client)
    learn_before(client)
    store = RedisStore(StoreSettings(servers=[state.address], timeout=10.0))
    config = f'{SHIPPED} group "reputation" {{ {GROUP} }} reputation {{ {RULES} }}'
    async with Bench([Reputation], config=config, store=store) as bench:
        found = await bench.scan(given, now=time.time())
    ours = {name: score for name, score in found.scores.items() if name in SYMBOLS}
    kept_here = learnt(client)
    await store.close()
    client.close()
    assert ours == pytest.approx(theirs, abs=0.01)
    assert {key: set(fields) for key, fields in kept_here.items()} == {
        key: set(fields) for key, fields in kept_there.items()
    }
    for key, fields in kept_here.items():
        assert fields == pytest.approx(kept_there[key], abs=0.05), key
