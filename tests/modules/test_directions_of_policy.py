# SPDX-License-Identifier: Apache-2.0
"""What each module of policy and reputation does in which direction: one table.

The rows are written from DESIGN §4 and the contract, never from what a module declares. Each
module's letter provokes all that it can find, so that what is missing was held back by the
direction: the column ``inbound`` proves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from gatepost.modules.aliases import Aliases
from gatepost.modules.asn import Asn
from gatepost.modules.external_relay import ExternalRelay
from gatepost.modules.greylist import Greylist
from gatepost.modules.hfilter import HFilter
from gatepost.modules.known_senders import KnownSenders
from gatepost.modules.milter_headers import MilterHeaders
from gatepost.modules.mx_check import MxCheck
from gatepost.modules.once_received import OnceReceived
from gatepost.modules.p0f import OK, REPLY, SHAPE, P0f
from gatepost.modules.ratelimit import Ratelimit
from gatepost.modules.rbl import Rbl
from gatepost.modules.replies import Replies
from gatepost.modules.reputation import Reputation
from gatepost.modules.spamtrap import Spamtrap
from gatepost.scan.correspondents import address_key
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import hashed
from gatepost.testing import Bench, Letter, Scanned, mail, zone

PUBLIC, LOCAL = "203.0.113.7", "10.1.2.3"
CORE = """
    options { local_addrs = "10.0.0.0/8"; }
    actions { reject = 15; "add header" = 6; greylist = 4; }
"""


class Suspects(Module):
    """Finds every letter suspicious enough to wait."""

    name = "suspects"
    group = "suspects"
    outbound = RunAlways()
    SUSPECT = Symbol("SUSPECT", 5.0)

    @runs(Stage.FILTER, callback="SUSPECTS")
    def check(self, task: Task) -> PlainHits:
        """All of them."""
        yield self.SUSPECT()


ID, ANSWERED, BOB = "<letter@example.org>", "<ours@example.net>", "bob@example.net"
LETTER = mail(  # to three, from a laptop that says so, in answer to one of ours, with one link
    "https://example.org/a-long-path-that-is-all-there-is-to-read-in-this-letter\r\n",
    helo="LAPTOP",
    rcpt=BOB,
    headers={"In-Reply-To": ANSWERED, "X-Spam": "Yes"},
)
TO_THREE = mail(rcpt=["bob@example.net", "eve@example.net", "joe@example.net"])
TO_A_TRAP = mail(rcpt="trap@example.net")
TAGGED = mail(rcpt="bob+tag@example.net")
HOP = "from pc ([198.51.100.%d]) by x.example with ESMTP; Thu, 1 Jan 2026 00:00:00 +0000"
RELAYED = mail(headers={"Received": [HOP % 9, HOP % 10]})
HELO = mail(helo="pc.evil.example")

P0F = SHAPE.pack(REPLY, OK, 0, 0, 1, 9, 0, 0, 0, 9, 0, 0, b"Windows", b"7", b"", b"", b"DSL", b"")
ORIGINS = [
    "7.113.0.203.asn.rspamd.com. TXT '64500|203.0.113.0/24|DE||'",
    "3.2.1.10.asn.rspamd.com. TXT '64501|10.0.0.0/8|ZZ||'",
]
LISTS = [f"pc.evil.example.{name}.test. A 127.0.0.2" for name in ("b", "u", "l", "o", "d", "i")]

RATES = """
    user { bucket { burst = 1; rate = "1 / 1h"; symbol = "user"; } }
    from { bucket { burst = 1; rate = "1 / 1h"; symbol = "from"; } }
    ip { bucket { burst = 1; rate = "1 / 1h"; symbol = "ip"; } }
    rip { bucket { burst = 1; rate = "1 / 1h"; symbol = "rip"; } }
    mine { selector = "user.lower"; bucket { burst = 1; rate = "1 / 1h"; symbol = "mine"; } }
"""
RULES = """
    B { rbl = "b.test"; helo = yes; exclude_users = yes; exclude_local = yes; }
    U { rbl = "u.test"; helo = yes; exclude_users = yes; exclude_local = no; }
    L { rbl = "l.test"; helo = yes; exclude_users = no; exclude_local = yes; }
    O { rbl = "o.test"; helo = yes; exclude_users = no; exclude_local = no; }
    D { rbl = "d.test"; helo = yes; }
    I { rbl = "i.test"; helo = yes; ignore_defaults = yes; }
"""
GENERIC = 'selector "generic" { selector = "from:domain"; lower_bound = 1; split_symbols = no; %s }'
CLIENTS = 'selector "ip" { lower_bound = 1; split_symbols = no; %s } backend "redis" { }'
REPUTATIONS = (  # rules with one backend share what was learnt; the first of each learns it all
    f"FIRST {{ {GENERIC % 'inbound = yes; outbound = yes;'} backend redis {{ }} }}"
    f"IN {{ {GENERIC % 'inbound = yes; outbound = no;'} backend redis {{ }} }}"
    f"OUT {{ {GENERIC % 'inbound = no; outbound = yes;'} backend redis {{ }} }}"
    f"NEITHER {{ {GENERIC % 'inbound = no; outbound = no;'} backend redis {{ }} }}"
    f"USUAL {{ {GENERIC % ''} backend redis {{ }} }}"
    f"CLIENTS {{ {CLIENTS % 'inbound = yes; outbound = yes;'} symbol = CLIENTS; }}"
    f"USUAL_CLIENTS {{ {CLIENTS % ''} symbol = USUAL_CLIENTS; }}"
)


@dataclass(frozen=True)
class Case:
    """A module, the letter that provokes it, and what the table calls what it does.

    ``section`` stands in its section before what a row adds; ``first`` is scanned before;
    ``records`` are in the store, ``asks`` in the DNS.
    """

    modules: list[type[Module]]
    letter: Letter
    words: dict[str, str]
    section: str = ""
    first: Letter | None = None
    records: dict[str, bytes] = field(default_factory=dict)
    asks: tuple[str, ...] = ()


CASES = {
    "once_received": Case([OnceReceived], LETTER, {"ONCE_RECEIVED": "once"}),
    "greylist": Case([Suspects, Greylist], LETTER, {"GREYLIST": "waits"}),
    "mx_check": Case([MxCheck], LETTER, {"MX_NONE": "none"}, "enabled = yes;"),
    "p0f": Case(
        [P0f],
        LETTER,
        {"P0F": "system"},
        "enabled = yes; socket = /nonexistent;",
        records={f"p0f{ip}": P0F for ip in (PUBLIC, LOCAL)},
    ),
    "asn": Case([Asn], LETTER, {"ASN": "asn"}, asks=tuple(ORIGINS)),
    "spamtrap": Case([Spamtrap], TO_A_TRAP, {"SPAMTRAP": "trap"}, 'map = ["/^trap@/"];'),
    "hfilter": Case(
        [HFilter],
        LETTER,
        {"HFILTER_HELO_5": "helo", "HFILTER_URL_ONLY": "url"},
        "helo_enabled = yes; url_enabled = yes;",
    ),
    "ratelimit": Case(
        [Ratelimit],
        TO_THREE,
        {name: name for name in ("user", "from", "ip", "rip", "mine")},
        f"rates {{ {RATES} }}",
    ),
    "rbl": Case(
        [Rbl], HELO, {name: name for name in "BULODI"}, f"rbls {{ {RULES} }}", asks=tuple(LISTS)
    ),
    "milter_headers": Case(
        [Suspects, MilterHeaders], LETTER, {}, "use = [x-spam-status, x-rspamd-action];"
    ),
    "reputation": Case(
        [Suspects, Reputation],
        LETTER,
        {
            "IN": "in",
            "OUT": "out",
            "NEITHER": "neither",
            "USUAL": "usual",
            "CLIENTS": "clients",
            "USUAL_CLIENTS": "usual-clients",
        },
        f"rules {{ {REPUTATIONS} }}",
        first=LETTER,
    ),
    "replies": Case(
        [Replies],
        LETTER,
        {"REPLY": "reply"},
        'action = "no action";',
        records={f"rr{hashed(ANSWERED.encode(), 20)}": address_key(BOB).encode()},
    ),
    "known_senders": Case(
        [KnownSenders], LETTER, {"UNKNOWN_SENDER": "new"}, "domains = [example.org];"
    ),
    "external_relay": Case(
        [ExternalRelay], RELAYED, {"R": "relayed"}, "rules { R { strategy = count; count = 2; } }"
    ),
    "aliases": Case([Aliases], TAGGED, {"TAGGED_RCPT": "tagged"}),
}

SITUATIONS = {
    "inbound": (PUBLIC, None),
    "no ip": (None, None),
    "local": (LOCAL, None),
    "authenticated": (PUBLIC, "alice@example.org"),
    "both": (LOCAL, "alice@example.org"),
    "no ip, authenticated": (None, "alice@example.org"),
}

L, A = "check_local = yes;", "check_authed = yes;"
LA = L + A
EVERYBODY = f"options {{ {LA} }}"
LOCALS, USERS = f"options {{ {L} }}", f"options {{ {A} }}"
RBL_ALL, RBL_BY_DEFAULT = "B U L O D I", "default_exclude_users = yes;"
NONE = "-"
SKIPPED = {"once_received": "once", "greylist": "waits", "spamtrap": "trap"}
HEADERS = {"X-Spam-Status": "status", "X-Rspamd-Action": "action"}
ADDED = "status action flag"
STATUS = "status flag"
SHORT = "skip_local = no;", "skip_authenticated = no;"

# fmt: off
ROWS = [
    # module, what its section has more | the rest has more
    #     inbound | no ip | local | authenticated | both | no ip, authenticated
    *[
        row
        for module, found in SKIPPED.items()
        for row in [
            (module, "", "", found, found, NONE, NONE, NONE, NONE),
            (module, L, "", found, found, found, NONE, NONE, NONE),
            (module, A, "", found, found, NONE, found, NONE, found),
            (module, LA, "", found, found, found, found, found, found),
            (module, "", LOCALS, found, found, found, NONE, NONE, NONE),
            (module, "", USERS, found, found, NONE, found, NONE, found),
            (module, "", EVERYBODY, found, found, found, found, found, found),
            # a module's own word goes before that of `options`, each by itself
            (module, "check_authed = no;", EVERYBODY, found, found, found, NONE, NONE, NONE),
            (module, "check_local = no;", EVERYBODY, found, found, NONE, found, NONE, found),
        ]
    ],
    ("asn", "", "", "asn", NONE, NONE, "asn", NONE, NONE),
    ("asn", L, "", "asn", NONE, "asn", "asn", "asn", NONE),
    ("asn", "check_authed = no;", "", "asn", NONE, NONE, "asn", NONE, NONE),
    ("asn", "", LOCALS, "asn", NONE, "asn", "asn", "asn", NONE),
    ("asn", "", USERS, "asn", NONE, NONE, "asn", NONE, NONE),
    ("asn", "check_local = no;", EVERYBODY, "asn", NONE, NONE, "asn", NONE, NONE),
    ("mx_check", "", "", "none", "none", NONE, NONE, NONE, NONE),
    ("mx_check", "check_local = yes; check_authorized = yes;", EVERYBODY,
        "none", "none", NONE, NONE, NONE, NONE),
    ("p0f", "", "", "system", NONE, NONE, "system", NONE, NONE),
    ("p0f", "", EVERYBODY, "system", NONE, NONE, "system", NONE, NONE),
    ("hfilter", "", "", "helo url", "helo url", "url", "url", "url", "url"),
    ("hfilter", L, "", "helo url", "helo url", "helo url", "url", "url", "url"),
    ("hfilter", A, "", "helo url", "helo url", "url", "helo url", "url", "helo url"),
    ("hfilter", LA, "", *["helo url"] * 6),
    ("hfilter", "", LOCALS, "helo url", "helo url", "helo url", "url", "url", "url"),
    ("hfilter", "", EVERYBODY, *["helo url"] * 6),
    ("hfilter", "check_local = no;", EVERYBODY,
        "helo url", "helo url", "url", "helo url", "url", "helo url"),
    # a local sender without a user is limited as an inbound one; of users only what uses them
    ("ratelimit", "", "", "from ip rip", "from", "from ip", *["user mine"] * 3),
    ("ratelimit", "authenticated_rates = user;", "",
        "from ip rip", "from", "from ip", *["user mine"] * 3),
    ("ratelimit", "authenticated_rates = all;", "", "from ip rip", "from", "from ip",
        "user mine from ip rip", "user mine from ip", "user mine from"),
    ("ratelimit", "", EVERYBODY, "from ip rip", "from", "from ip", *["user mine"] * 3),
    # each rule by its own word, else that of the defaults, else that of the code: users too
    ("rbl", "", "", RBL_ALL, RBL_ALL, "U O I", "L O D I", "O I", "L O D I"),
    ("rbl", RBL_BY_DEFAULT, "", RBL_ALL, RBL_ALL, "U O I", "L O I", "O I", "L O I"),
    ("rbl", "default_exclude_local = no;", "",
        RBL_ALL, RBL_ALL, "U O D I", "L O D I", "O D I", "L O D I"),
    ("rbl", "rules { B { exclude_local = no; } }", "",
        RBL_ALL, RBL_ALL, "B U O I", "L O D I", "O I", "L O D I"),
    ("rbl", "rules { B { exclude_users = no; } }", "",
        RBL_ALL, RBL_ALL, "U O I", "B L O D I", "O I", "B L O D I"),
    ("rbl", "", EVERYBODY, RBL_ALL, RBL_ALL, "U O I", "L O D I", "O I", "L O D I"),
    ("rbl", "local_exclude_ip_map = [203.0.113.0/24];", "",
        "U O I", RBL_ALL, "U O I", "O I", "O I", "L O D I"),
    ("milter_headers", "", "", ADDED, ADDED, "flag", "flag", "flag", "flag"),
    ("milter_headers", SHORT[0], "", ADDED, ADDED, ADDED, "flag", "flag", "flag"),
    ("milter_headers", SHORT[1], "", ADDED, ADDED, "flag", ADDED, "flag", ADDED),
    ("milter_headers", "".join(SHORT), "", *[ADDED] * 6),
    ("milter_headers", "local_headers = [x-spam-status];", "",
        ADDED, ADDED, STATUS, "flag", "flag", "flag"),
    ("milter_headers", "authenticated_headers = [x-spam-status];", "",
        ADDED, ADDED, "flag", STATUS, "flag", STATUS),
    ("milter_headers", "local_headers = [x-spam-status]; authenticated_headers = [x-spam-status];",
        "", ADDED, ADDED, *[STATUS] * 4),
    ("milter_headers", 'extended_headers_rcpt = ["@example.net"];', "", *[ADDED] * 6),
    ("milter_headers", 'extended_headers_rcpt = ["@example.com"];', "",
        ADDED, ADDED, "flag", "flag", "flag", "flag"),
    ("milter_headers", "skip_all = yes;", "", *["flag"] * 6),
    ("milter_headers", "remove_upstream_spam_flag = no;", "",
        "status action", "status action", NONE, NONE, NONE, NONE),
    ("milter_headers", "", EVERYBODY, ADDED, ADDED, "flag", "flag", "flag", "flag"),
    # `ip` is for inbound mail unless told otherwise, the others for both; neither is both
    ("reputation", "", "",
        "in neither usual clients usual-clients", "in neither usual",
        "out neither usual clients", "out neither usual clients",
        "out neither usual clients", "out neither usual"),
    ("replies", "", "", "reply forced", "reply forced", *["reply stored"] * 4),
    ("replies", "use_local = no;", "",
        "reply forced", "reply forced", "reply", *["reply stored"] * 3),
    ("replies", "use_auth = no;", "",
        "reply forced", "reply forced", "reply stored", "reply", "reply stored", "reply"),
    ("replies", "use_auth = no; use_local = no;", "",
        "reply forced", "reply forced", *["reply"] * 4),
    # those that no direction changes
    ("known_senders", "", "", *["new"] * 6),
    ("external_relay", "", "", *["relayed"] * 6),
    ("aliases", "", "", *["tagged"] * 6),
]
# fmt: on

SETTLED = [
    pytest.param(
        module, own, more, situation, happens, id=f"{module}[{own or more}] {situation}: {happens}"
    )
    for module, own, more, *columns in ROWS
    for situation, happens in zip(SITUATIONS, columns, strict=True)
]


@pytest.mark.parametrize("module, own, more, situation, happens", SETTLED)
async def test_direction_decides(
    module: str, own: str, more: str, situation: str, happens: str
) -> None:
    found, stored = await scanned(module, own, more, situation)
    if module != "external_relay":  # which finds another client
        assert found.task.direction.outbound is (situation not in ("inbound", "no ip"))
    assert doings(CASES[module], found, stored) == set(happens.split()) - {NONE}


@pytest.mark.parametrize("module", CASES)
async def test_a_user_without_a_name_is_none(module: str) -> None:
    """DESIGN §3; to Rspamd any `User` header is somebody who logged in."""
    found, stored = await scanned(module, "", "", "no name")
    inbound = next(row[3] for row in ROWS if row[:3] == (module, "", ""))
    assert doings(CASES[module], found, stored) == set(inbound.split())


# What `explain` says of what did not run: which condition, and which option would change it.
WHY = [
    # check, module, situation, reason, option
    ("ONCE_RECEIVED", "once_received", "local", "local", "once_received.check_local"),
    ("ONCE_RECEIVED", "once_received", "both", "authenticated", "once_received.check_authed"),
    ("GREYLIST_CHECK", "greylist", "local", "local", "greylist.check_local"),
    ("GREYLIST_CHECK", "greylist", "authenticated", "authenticated", "greylist.check_authed"),
    ("SPAMTRAP_CHECK", "spamtrap", "local", "local", "spamtrap.check_local"),
    ("SPAMTRAP_CHECK", "spamtrap", "authenticated", "authenticated", "spamtrap.check_authed"),
    ("ASN_CHECK", "asn", "local", "local", "asn.check_local"),
    ("ASN_CHECK", "asn", "both", "local", "asn.check_local"),
    ("MX_CHECK", "mx_check", "local", "local", None),
    ("MX_CHECK", "mx_check", "authenticated", "authenticated", None),
    ("P0F_CHECK", "p0f", "local", "local", None),
    ("B", "rbl", "local", "local", "rbl.rules.B.exclude_local"),
    ("B", "rbl", "authenticated", "authenticated", "rbl.rules.B.exclude_users"),
]


@pytest.mark.parametrize("check, module, situation, reason, option", WHY)
async def test_explain_says_what_held_a_check_back(
    check: str, module: str, situation: str, reason: str, option: str | None
) -> None:
    found, _ = await scanned(module, "", "", situation)
    outcome = found.outcomes[check]
    assert (outcome.outcome, outcome.reason, outcome.option) == ("skipped", reason, option)
    inbound, _ = await scanned(module, "", "", "inbound")
    assert inbound.outcomes[check].outcome == "ran"


async def scanned(module: str, own: str, more: str, situation: str) -> tuple[Scanned, bool]:
    """The case's letter in a situation, and whether its id was stored."""
    case = CASES[module]
    config = f"{CORE} {more} {module} {{ {case.section} {own} }}"
    ip, user = {**SITUATIONS, "no name": (PUBLIC, "")}[situation]
    async with Bench(case.modules, config=config, dns=zone(*case.asks)) as bench:
        for key, value in case.records.items():
            await bench.store.set(key, value)
        if case.first is not None:
            await bench.scan(arriving(case.first, ip, user))
        found = await bench.scan(arriving(case.letter, ip, user))
        stored = await bench.store.get(f"rr{hashed(ID.encode(), 20)}") is not None
    return found, stored


def arriving(letter: Letter, ip: str | None, user: str | None) -> Letter:
    """The letter as it comes from this address and user."""
    rest = [pair for pair in letter.headers if pair[0] not in ("IP", "User")]
    sender = [("IP", ip)] if ip is not None else []
    return Letter(letter.raw, (*rest, *sender, *([("User", user)] if user is not None else [])))


def doings(case: Case, found: Scanned, stored: bool) -> set[str]:
    """What was done, in the words of the table."""
    words = {word for symbol, word in case.words.items() if symbol in found.hits}
    headers = {header.name for header in found.task.added_headers}
    words |= {word for name, word in HEADERS.items() if name in headers}
    if "X-Spam" in found.task.removed_headers:
        words.add("flag")
    if Greylist in case.modules and found.action == "greylist":
        words.add("marked")  # an outbound letter must not be
    forced = found.task.pre_result
    if forced is not None and forced.module == "replies":
        words.add("forced")
    return words | ({"stored"} if stored else set())
