# SPDX-License-Identifier: Apache-2.0
"""Do Rspamd 3.4 and Gatepost find the same in the same letters, from wherever they come?

Both have one configuration, one DNS and, one after the other, one Redis. `DIFFERENCES` is all
that is not the same, with the reason: 3.4 is older than what Rspamd documents, and we follow that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from letters import check
from policy_letters import WAYS, Series, all_letters
from policy_peers import run_peers
from policy_zone import NAMELESS, fill_state
from servers_redis import needs_redis
from servers_rspamd import needs_rspamd
from servers_unbound import needs_unbound

pytestmark = [*needs_rspamd, needs_redis[1], needs_unbound[1], pytest.mark.slow]

AT_ONCE = 8
OUTBOUND = "local authenticated both"
ALL = f"inbound {OUTBOUND}"


class Scan(NamedTuple):
    """A letter as it came, and what the two found: symbols, and headers of milter_headers."""

    series: str
    step: int
    way: str
    raw: bytes
    envelope: dict[str, str]
    ours: frozenset[str]
    theirs: frozenset[str]
    actions: tuple[str, str]

    @property
    def name(self) -> str:
        """As one finds it in the letters."""
        return f"{self.series} {self.step} {self.way}"

    @property
    def sender(self) -> str:
        """Of the envelope."""
        return self.envelope["From"]

    @property
    def helo(self) -> str:
        return self.envelope["Helo"]

    @property
    def hops(self) -> int:
        """How many Received headers the letter has."""
        head = self.raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].lower()
        return (b"\n" + head).count(b"\nreceived:")


class Difference(NamedTuple):
    """Symbols that only we find or only 3.4 does, in letters of these ways, and why."""

    ours: str
    theirs: str
    ways: str
    where: Callable[[Scan], bool]
    why: str

    def covers(self, scan: Scan) -> bool:
        return scan.way in self.ways.split() and self.where(scan)

    def explained(self, scan: Scan) -> tuple[frozenset[str], frozenset[str]]:
        """What it explains of a scan: of ours, of theirs."""
        if not self.covers(scan):
            return frozenset(), frozenset()
        ours = (scan.ours - scan.theirs).intersection(self.ours.split())
        theirs = (scan.theirs - scan.ours).intersection(self.theirs.split())
        return ours, theirs


def of(*series: str) -> Callable[[Scan], bool]:
    """Letters of these series."""
    return lambda scan: scan.series in series


def stopped(scan: Scan) -> bool:
    """A letter whose action was decided before anything else was looked at."""
    bounced = scan.series == "bounces" and scan.step > 2
    again = scan.series.startswith("greylisted") and scan.step == 1
    return bounced or again or (scan.series == "answer" and scan.step == 1)


def to_others(scan: Scan) -> bool:
    """An answer that goes to others than it answers, or to them as well."""
    return scan.step == 1 and scan.series.startswith("answer to")


DIFFERENCES = (
    Difference(
        "MX_BOGON_ONLY MX_BROKEN MX_NONE MX_NULL",
        "MX_INVALID MX_MISSING",
        "inbound",
        lambda scan: scan.series.startswith(("mx of", "sender x@")),
        "mx_check was rewritten in 4.1: it says what is wrong with a domain, and connects to no "
        "address that nobody can have.",
    ),
    Difference(
        "MX_BOGON_ONLY MX_BROKEN MX_NONE",
        "",
        "inbound",
        lambda scan: scan.sender == "",
        "To 3.4 the empty sender has a domain, the empty one; 4.1 checks that of HELO.",
    ),
    Difference(
        "HFILTER_FROM_BOUNCE HFILTER_RCPT_BOUNCEMOREONE",
        "",
        "inbound",
        lambda scan: scan.sender == "",
        "To 3.4 the empty sender is an address like others, so nothing is a bounce.",
    ),
    Difference(
        "MX_BOGON_ONLY",
        "MX_WHITE HFILTER_FROM_BOUNCE",
        "inbound",
        of("sender x"),
        "To 3.4 a sender without domain is none; to us only the empty one is, as RFC 5321 4.5.5 "
        "has it. Of HELO 3.4 checks the registered domain, 4.1 the host.",
    ),
    Difference(
        "HFILTER_HELO_IP_A",
        "",
        "inbound",
        lambda scan: scan.helo in ("mail.good.org", "other.good.org"),
        "3.4 compares the client with HELO's addresses only where HELO has none of one kind and "
        "none of the other: never with an address.",
    ),
    Difference(
        "HFILTER_HELO_5",
        "HFILTER_HELO_IP_A HFILTER_HELO_NORES_A_OR_MX "
        "HFILTER_HOSTNAME_1 HFILTER_HOSTNAME_2 HFILTER_HOSTNAME_3 HFILTER_HOSTNAME_4 "
        "HFILTER_HOSTNAME_5",
        "inbound",
        lambda scan: scan.helo == "pc.lan",
        "In 3.4's list the pattern of .lan, .local and the like lacks its final slash.",
    ),
    Difference(
        "HFILTER_HOSTNAME_5",
        "HFILTER_HOSTNAME_UNKNOWN HFILTER_HELO_1 HFILTER_HELO_2 HFILTER_HELO_3 HFILTER_HELO_4",
        "inbound",
        lambda scan: "Hostname" not in scan.envelope,
        "4.1 looks for the client's name before all other checks, 3.4 in once_received, while "
        "hfilter runs.",
    ),
    Difference(
        "",
        "RDNS_NONE",
        "inbound",
        lambda scan: scan.envelope["IP"] == NAMELESS and "Hostname" not in scan.envelope,
        "To 3.4 a name that the DNS fails to tell is one that is not there as well.",
    ),
    Difference(
        "BLACK GREY BOTH",
        "",
        ALL,
        lambda scan: "Hostname" not in scan.envelope,
        "3.4 leaves out a whole rule that asks for the client's name as well, if it has none.",
    ),
    Difference(
        "ALL_HOSTS",
        "",
        ALL,
        of("client of ours"),
        "3.4 has exclude_private_ips beside exclude_local, and sets it.",
    ),
    Difference(
        "",
        "RECEIVED_BAD RECEIVED_WORSE",
        "inbound local",
        lambda scan: f"[{scan.envelope['IP']}]".encode() in scan.raw or scan.series[:5] == "relay",
        "A rule that has asked for the client does not ask for its own hop again in 4.1.",
    ),
    Difference(
        "ONCE_RECEIVED ONCE_RECEIVED_STRICT",
        "",
        "inbound local",
        lambda scan: scan.hops <= 1,
        "3.4 says nothing of a letter without Received, and counts the hop that it makes up "
        "itself, from the letter's envelope, as one of the letter's.",
    ),
    Difference(
        "R_SPF_PERMFAIL",
        "R_SPF_FAIL DMARC_POLICY_ALLOW_WITH_FAILURES",
        "inbound",
        lambda scan: scan.sender.endswith(("@wrong.org", "@unclear.org", "@circle.org")),
        "An include of a domain without record, one in a circle, and an address that is none are "
        "permanent errors (RFC 7208 5.2, 4.6.4, 4.6); 3.4 leaves such mechanisms out.",
    ),
    Difference(
        "R_SPF_NEUTRAL",
        "R_SPF_PERMFAIL",
        "inbound",
        lambda scan: scan.sender.endswith("@empty.org"),
        "A record without mechanisms is neutral (RFC 7208 4.7), no error.",
    ),
    Difference(
        "R_SPF_PLUSALL",
        "R_SPF_PERMFAIL",
        "inbound",
        lambda scan: scan.sender.endswith("@plus.org"),
        "Records that let everybody pass have a symbol of their own since.",
    ),
    Difference(
        "R_SPF_NA AUTH_NA",
        "R_SPF_DNSFAIL AUTH_NA_OR_FAIL",
        "inbound",
        lambda scan: scan.sender == "" and scan.helo.startswith("["),
        "An address in brackets is no domain; 3.4 asks the DNS for it.",
    ),
    Difference(
        "R_SPF_ALLOW R_SPF_FAIL R_SPF_NA RDNS_NONE ARC_SIGNED",
        "",
        "inbound",
        stopped,
        "In 4.1 some checks run although the action is decided: the client's name, SPF; and a "
        "letter is sealed if it is not refused.",
    ),
    Difference(
        "",
        "REPLY",
        ALL,
        to_others,
        "To 3.4 one of the recipients in the header has to be who is answered; to 4.1 all of the "
        "envelope's, or an answer would carry spam to others.",
    ),
    Difference(
        "ARC_NA ARC_SIGNED DMARC_POLICY_ALLOW MX_WHITE R_DKIM_NA R_SPF_ALLOW SENDER_REP_HAM",
        "",
        "inbound",
        to_others,
        "Of what is an answer to 3.4, it looks at nothing else.",
    ),
    Difference(
        "ARC_NA ARC_SIGNED",
        "RATELIMITED",
        "authenticated both",
        lambda scan: scan.series == "bounces" and scan.step > 2,
        "Only rates of the user apply to users, as Rspamd's guide to outbound mail has it; its "
        "source has all of them apply.",
    ),
    Difference(
        "",
        "ARC_SIGNED",
        ALL,
        of("arc with a seal lost"),
        "3.4 begins a second chain with i=1 beside a broken one.",
    ),
    Difference(
        "",
        "ARC_SIGNED",
        ALL,
        of("arc sealed as broken"),
        "A chain that somebody has sealed as failed has ended (RFC 8617 5.1).",
    ),
    Difference(
        "",
        "DKIM_SIGNED",
        OUTBOUND,
        of("dkim of ours", "list: ours"),
        "We do not sign what we have signed and what has come back unchanged.",
    ),
    Difference(
        "",
        "BEHIND_USER",
        "authenticated",
        of("user who relays"),
        "Where the client is who the rule has found, we do not say that it is behind another.",
    ),
)

FOUND = """
ALL_HOSTS ARC_ALLOW ARC_INVALID ARC_NA ARC_REJECT ARC_SIGNED ASN BEHIND_RELAY BEHIND_USER BLACK
BLAKE BLAME_D BLAME_M BLAME_S BLAME_SD BOTH DIRECT_TO_MX DKIM_SIGNED DKIM_TRACE DMARC_BAD_POLICY
DMARC_DNSFAIL DMARC_NA DMARC_POLICY_ALLOW DMARC_POLICY_QUARANTINE DMARC_POLICY_REJECT
DMARC_POLICY_SOFTFAIL DOTTED GOOD_HIGH GOOD_NONE GREY GREYLIST HFILTER_FROMHOST_NORESOLVE_MX
HFILTER_FROMHOST_NORES_A_OR_MX HFILTER_FROMHOST_NOT_FQDN HFILTER_HELO_1 HFILTER_HELO_2
HFILTER_HELO_3 HFILTER_HELO_4 HFILTER_HELO_5 HFILTER_HELO_BADIP HFILTER_HELO_BAREIP
HFILTER_HELO_IP_A HFILTER_HELO_NORESOLVE_MX HFILTER_HELO_NORES_A_OR_MX HFILTER_HELO_NOT_FQDN
HFILTER_HOSTNAME_1 HFILTER_HOSTNAME_2 HFILTER_HOSTNAME_3 HFILTER_HOSTNAME_4 HFILTER_HOSTNAME_5
HFILTER_HOSTNAME_UNKNOWN HFILTER_MID_NORESOLVE_MX HFILTER_MID_NORES_A_OR_MX HFILTER_MID_NOT_FQDN
HFILTER_RCPT_BOUNCEMOREONE HFILTER_URL_ONLY LATER MX_GOOD MX_WHITE NOT_OF_LOCALS NOT_OF_USERS NO_IP
ONCE_RECEIVED ONCE_RECEIVED_STRICT PRAISE_D PRAISE_M PRAISE_S PRAISE_SD RATELIMITED RBL_ADDRESSES
RBL_BAD RBL_WORSE RCPT_IN RDNS_DNSFAIL RDNS_NONE RECEIVED_BAD RECEIVED_WORSE REPLY RESOLVED_BAD
R_DKIM_ALLOW R_DKIM_NA R_DKIM_PERMFAIL R_DKIM_REJECT R_DKIM_TEMPFAIL R_SPF_ALLOW R_SPF_DNSFAIL
R_SPF_FAIL R_SPF_NA R_SPF_NEUTRAL R_SPF_SOFTFAIL SELECTED_BLACK SENDER_REP_HAM SENDER_REP_SPAM
SIGNED_BY_LISTED SIX SPAMTRAP USER_OUT
"""
"""What both find in some letter at least."""


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> list[Scan]:
    """All letters in all ways, scanned by both."""
    work = [(series, way) for series in all_letters() for way in WAYS]
    found = []
    with run_peers(tmp_path_factory.mktemp("policy")) as peers, ThreadPoolExecutor(AT_ONCE) as pool:
        for server in (peers.rspamd, peers.gatepost):
            with peers.redis.client() as client:
                fill_state(client)
            address = server.scan
            found.append(list(pool.map(lambda one, to=address: scan_all(to, *one), work)))
    return [
        scan
        for (series, way), theirs, ours in zip(work, *found, strict=True)
        for scan in compare(series, way, ours, theirs)
    ]


def scan_all(address: str, series: Series, way: str) -> list[dict[str, Any]]:
    """The replies to the letters of a series, which wait for one another."""
    return [check(address, letter.raw, letter.headers) for letter in series.coming(way)]


def compare(
    series: Series, way: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]
) -> Iterator[Scan]:
    """The letters of a series with both replies."""
    for step, letter in enumerate(series.coming(way)):
        yield Scan(
            series.name,
            step,
            way,
            letter.raw,
            dict(letter.headers),
            seen(ours[step]),
            seen(theirs[step]),
            (ours[step]["action"], theirs[step]["action"]),
        )


def seen(reply: dict[str, Any]) -> frozenset[str]:
    """Symbols, and added and removed headers; those of a seal have a symbol."""
    milter = reply.get("milter", {})
    added = {f"adds {name}" for name in milter.get("add_headers", {}) if name[:4] != "ARC-"}
    removed = {f"removes {name}" for name in milter.get("remove_headers", {})}
    return frozenset(reply["symbols"]) | added | removed


def test_every_difference_has_its_reason(scans: list[Scan]) -> None:
    unexplained = {}
    for scan in scans:
        ours, theirs = scan.ours - scan.theirs, scan.theirs - scan.ours
        for difference in DIFFERENCES:
            known = difference.explained(scan)
            ours, theirs = ours - known[0], theirs - known[1]
        if ours or theirs:
            unexplained[scan.name] = (sorted(ours), sorted(theirs))
    assert unexplained == {}


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda one: one.why.split(".")[0][:60])
def test_every_reason_is_needed(scans: list[Scan], difference: Difference) -> None:
    needed, ways = set[str](), set[str]()
    for scan in scans:
        ours, theirs = difference.explained(scan)
        needed |= {f"ours {name}" for name in ours} | {f"theirs {name}" for name in theirs}
        if ours or theirs:
            ways.add(scan.way)
    assert needed == {f"ours {name}" for name in difference.ours.split()} | {
        f"theirs {name}" for name in difference.theirs.split()
    }
    assert ways == set(difference.ways.split())


def test_what_is_found_alike_is_treated_alike(scans: list[Scan]) -> None:
    alike = [scan for scan in scans if scan.ours == scan.theirs]
    assert {scan.name: scan.actions for scan in alike if len(set(scan.actions)) > 1} == {}
    assert len(alike) > 0.8 * len(scans)


def test_every_module_is_asked_for_all_it_can_find(scans: list[Scan]) -> None:
    together = frozenset[str]().union(*(scan.ours & scan.theirs for scan in scans))
    assert sorted(set(FOUND.split()) - together) == []
    assert len(scans) >= 4 * 300
