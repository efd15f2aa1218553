# SPDX-License-Identifier: Apache-2.0
"""Do Rspamd and Gatepost keep the same message in the same buckets of one Redis?

Buckets of selectors are left out: Rspamd 3.4 names them otherwise than 4.1, which we follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import redis

from gatepost.modules.ratelimit import Ratelimit
from gatepost.store import StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.testing import Bench, Letter, mail
from servers_redis import RedisServer, needs_redis, start_redis
from servers_rspamd import RspamdServer, needs_rspamd, run_rspamd

pytestmark = [*needs_redis, *needs_rspamd]

RATES = """
  authenticated_rates = "all";
  rates {
    user { bucket { burst = 10; rate = "5 / 1min"; } }
    user_ip { bucket [ { burst = 7; rate = 0.25; }, { burst = 3k; rate = "1k / 2d"; } ] }
    from { bucket { burst = 33; rate = "2 / 1h"; } }
    to_ip_from { bucket { burst = 15; rate = 1; skip_recipients = true; } }
    rip { bucket { burst = 200001; rate = 1; } }
    bounce_to { bucket { burst = 12; rate = 1; } }
    to = [19, 0.05];
  }
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, RspamdServer]]:
    folder = tmp_path_factory.mktemp("ratelimit")
    state = start_redis(folder)
    files = {
        "local.d/redis.conf": f'servers = "{state.address}";',
        "local.d/ratelimit.conf": RATES,
    }
    try:
        with run_rspamd(folder / "rspamd", files) as rspamd:
            yield state, rspamd
    finally:
        state.stop()


LETTERS = {
    "a user": mail(user="Alice", ip="203.0.113.7", rcpt=["Bob@Example.net", "eve@example.com"]),
    "nobody": mail(ip="2001:db8::7", sender="Some.One@Example.org"),
    "a bounce": mail(ip="203.0.113.7", sender=""),
    "a postmaster": mail(ip="203.0.113.7", sender="postmaster@example.org"),
    "our own machine": mail(ip="127.0.0.1", user="anna", sender="a.quite.long.address@example.org"),
    "a user beyond ASCII": mail(user="\u00e4nne", sender="\u00e4@example.org"),
}


def buckets(client: redis.Redis) -> dict[str, float]:
    """What is in each bucket."""
    names = [name for name in client.scan_iter("RL*") if client.type(name) == b"hash"]
    return {name.decode(): float(client.hget(name, "b") or 0) for name in names}


def scan_there(server: RspamdServer, given: Letter) -> None:
    host, port = server.scan.split(":")
    connection = HTTPConnection(host, int(port), timeout=20)
    connection.putrequest("POST", "/checkv2")
    for name, value in (*given.headers, ("Content-Length", str(len(given.raw)))):
        connection.putheader(name, value.encode())
    connection.endheaders(given.raw)
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("given", LETTERS.values(), ids=LETTERS)
async def test_the_same_buckets_are_filled(servers, given: Letter) -> None:
    state, rspamd = servers
    client = redis.Redis(port=state.port, protocol=2)
    client.flushall()
    scan_there(rspamd, given)
    theirs = buckets(client)
    client.flushall()
    store = RedisStore(StoreSettings(servers=[state.address], timeout=10.0))
    async with Bench([Ratelimit], config=f"ratelimit {{ {RATES} }}", store=store) as bench:
        await bench.scan(given)
    ours = buckets(client)
    await store.close()
    client.close()
    assert ours == theirs
    assert ours
