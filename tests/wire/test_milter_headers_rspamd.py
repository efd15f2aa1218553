# SPDX-License-Identifier: Apache-2.0
"""Do Rspamd and Gatepost write the same headers, find the same client behind a relay, and say the
same of its network?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import msgspec
import pytest

from gatepost.modules.asn import Asn
from gatepost.modules.external_relay import ExternalRelay
from gatepost.modules.milter_headers import MilterHeaders
from gatepost.serve.answer import AnswerOptions, build_reply
from gatepost.testing import Bench, Letter, mail, zone
from servers_rspamd import RspamdServer, needs_rspamd, run_rspamd

pytestmark = needs_rspamd

ROUTINES = (
    "x-spamd-result, x-rspamd-server, x-rspamd-queue-id, x-spamd-bar, x-spam-level, "
    "x-spam-status, spam-header, x-virus, remove-headers, add-headers"
)
HEADERS = f"""
use = [{ROUTINES}];
authenticated_headers = ["x-spam-level", "x-rspamd-bar"];
extended_headers_rcpt = ["shown@example.net"];
routines {{
  x-virus {{ symbols = ["WIRE_VIRUS"]; status_infected = "Infected"; status_clean = "Clean"; }}
  remove-headers {{ headers {{ "X-Gone" = 0; "X-First" = 1; }} }}
  add-headers {{ headers {{ "X-Added" = "by us"; }} remove = 1; }}
}}
"""
RELAYS = """
enabled = true;
rules { BEHIND_LOCAL { strategy = "local"; } }
"""
GROUP = """symbols {
  WIRE_ONE { weight = 1.0; } WIRE_VIRUS { weight = 0.5; } WIRE_HAM { weight = -2.5; }
}"""
ACTIONS = 'reject = 15; "add header" = 6; greylist = 4;'
ASN_NAME, ASN_TEXT = "9.113.0.203.asn.rspamd.com", "64500|203.0.113.0/24|DE|ripencc|"
DNS = (
    f'dns {{ fake_records = [{{ name = "{ASN_NAME}"; type = txt; replies = ["{ASN_TEXT}"]; }}]; }}'
)
FILES = {
    "local.d/milter_headers.conf": HEADERS,
    "local.d/external_relay.conf": RELAYS,
    "local.d/actions.conf": ACTIONS,
    "local.d/groups.conf": f'group "wire" {{ {GROUP} }}',
    "local.d/options.inc": DNS,
}
OURS = f"""
options {{ local_addrs = ["192.168.0.0/16", "10.0.0.0/8"]; }}
actions {{ {ACTIONS} }}
group "wire" {{ {GROUP} }}
milter_headers {{ {HEADERS} }}
external_relay {{ {RELAYS} }}
"""
CLIENT = "from pc.example ([203.0.113.9]) by gate.example; Thu, 1 Jan 2026 00:00:00 +0000"
INNER = "from in.example ([10.0.0.9]) by gate.example; Thu, 1 Jan 2026 00:00:00 +0000"


@pytest.fixture(scope="module")
def rspamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RspamdServer]:
    folder = tmp_path_factory.mktemp("headers")
    modules = ("milter_headers", "external_relay", "asn")
    with run_rspamd(folder, FILES, modules=modules) as server:
        yield server


def there(server: RspamdServer, letter: Letter) -> dict[str, Any]:
    """Rspamd's reply."""
    host, port = server.scan.split(":")
    connection = HTTPConnection(host, int(port), timeout=20)
    connection.putrequest("POST", "/checkv2")
    for name, value in (*letter.headers, ("Content-Length", str(len(letter.raw)))):
        connection.putheader(name, value.encode())
    connection.endheaders(letter.raw)
    reply: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return reply


async def here(letter: Letter) -> dict[str, Any]:
    """Our reply."""
    dns = zone(f"{ASN_NAME}. TXT '{ASN_TEXT}'")
    async with Bench([MilterHeaders, ExternalRelay, Asn], config=OURS, dns=dns) as bench:
        found = await bench.scan(letter)
        reply = build_reply(found.task, found.verdict, AnswerOptions())
        plain: dict[str, Any] = msgspec.to_builtins(reply)
        return plain


NOT_THEIRS = ("X-Rspamd-Pre-Result", "X-Spam-Level")
"""What others wrote there is removed by us even when we write none: it could be taken for ours."""


def headers_of(reply: dict[str, Any]) -> dict[str, object]:
    """Added and removed headers, without how lines are folded; symbols in no order."""
    milter = reply.get("milter", {})
    added: dict[str, object] = {}
    for name, value in milter.get("add_headers", {}).items():
        text = " ".join(value["value"].split())
        parts = [part for part in text.split("; ") if "WIRE" in part or "default" in part]
        added[name] = sorted(parts) if name == "X-Spamd-Result" else text
    removed = milter.get("remove_headers", {})
    return {"added": added, "removed": {k: v for k, v in removed.items() if k not in NOT_THEIRS}}


def letter(*symbols: str, score: float = 1.0, **given: Any) -> Letter:
    """A letter in which settings find symbols; the first has this score."""
    found = {name: {"score": 1.0, "options": []} for name in symbols}
    asked: dict[str, Any] = {"symbols": found, "scores": {symbols[0]: score}} if symbols else {}
    request = {"Settings": json.dumps(asked), "Queue-Id": "4F1", **given.pop("request", {})}
    return mail(request=request, **given)


INBOUND, LOCAL, USER = {"ip": "203.0.113.9"}, {"ip": "192.168.1.5"}, {"user": "anna"}
DIRECTIONS = [INBOUND, LOCAL, {**INBOUND, **USER}, {**LOCAL, **USER}, {"ip": None}]
SYMBOLS = [
    ((), 0.0),
    (("WIRE_ONE",), 1.0),
    (("WIRE_ONE",), 3.75),
    (("WIRE_ONE", "WIRE_HAM"), 9.0),
    (("WIRE_HAM",), -2.5),
    (("WIRE_ONE", "WIRE_VIRUS"), 7.0),
    (("WIRE_ONE",), 16.0),
]


@pytest.mark.parametrize("symbols, score", SYMBOLS)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("rcpt", ["bob@example.net", "shown@example.net"])
async def test_the_same_headers(rspamd, symbols, score, direction, rcpt):
    given = letter(*symbols, score=score, rcpt=rcpt, **direction)
    theirs, ours = headers_of(there(rspamd, given)), headers_of(await here(given))
    assert ours == theirs


@pytest.mark.parametrize(
    "received, symbols",
    [
        ([], set()),
        ([CLIENT], {"BEHIND_LOCAL", "ASN"}),
        ([INNER, CLIENT], {"BEHIND_LOCAL", "ASN"}),
    ],
)
async def test_the_same_client_behind_a_relay(rspamd, received, symbols):
    given = mail(ip="192.168.1.5", headers={"Received": received})
    theirs, ours = there(rspamd, given), await here(given)
    for reply in (theirs, ours):
        assert {"BEHIND_LOCAL", "ASN"} & reply["symbols"].keys() == symbols
    if symbols:
        assert ours["symbols"]["ASN"]["options"] == theirs["symbols"]["ASN"]["options"]
