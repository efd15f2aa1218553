# SPDX-License-Identifier: Apache-2.0
"""The options of mx_check, and its symbols: each is named by an option of its own.

Names, defaults and scores are Rspamd's since 4.1 (direction-modules reference §9).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, NamedTuple

from msgspec import Meta

from gatepost.scan.module import ModuleOptions, Raw, Seconds

Port = Annotated[int, Meta(ge=1, le=65535)]
Some = Annotated[int, Meta(ge=1, le=32)]
Short = Annotated[float, Meta(gt=0, le=60, extra={"unit": "seconds, up to a minute"})]


class Finding(NamedTuple):
    """What can be found: the option that names its symbol, score, and a description."""

    option: str
    score: float
    description: str


GOOD = Finding("symbol_good_mx", -0.1, "A server takes mail for the domain")
WHITE = Finding("symbol_white_mx", -0.1, "The domain or its MX is not checked")
INVALID = Finding("symbol_bad_mx", 3.0, "The MX does not speak SMTP")
REFUSED = Finding("symbol_mx_refused", 3.0, "The MX refuses connections")
TIMEOUT_CONNECT = Finding("symbol_mx_timeout_connect", 2.0, "The MX does not answer")
TIMEOUT_READ = Finding("symbol_mx_timeout_read", 0.1, "The MX does not greet")
ERROR = Finding("symbol_mx_error", 0.0, "The MX greets with an error")
NONE = Finding("symbol_mx_none", 4.0, "The domain has neither MX nor address")
NULL = Finding("symbol_mx_null", 6.0, "The domain takes no mail (RFC 7505)")
BROKEN = Finding("symbol_mx_broken", 4.0, "No MX of the domain has an address")
DNS_FAIL = Finding("symbol_mx_dns_fail", 0.0, "The DNS did not answer")
A_GOOD = Finding("symbol_mx_a_good", 0.0, "The domain has no MX, but takes mail itself")
A_REFUSED = Finding("symbol_mx_a_refused", 3.0, "No MX, and the domain refuses connections")
A_TIMEOUT_CONNECT = Finding("symbol_mx_a_timeout_connect", 2.5, "No MX, and no answer")
A_TIMEOUT_READ = Finding("symbol_mx_a_timeout_read", 0.1, "No MX, and no greeting")
A_ERROR = Finding("symbol_mx_a_error", 0.0, "No MX, and a greeting with an error")
A_INVALID = Finding("symbol_mx_a_invalid", 3.0, "No MX, and the domain does not speak SMTP")
LOCAL_ONLY = Finding("symbol_mx_local_only", 3.0, "All addresses are of private networks")
LOCAL_MIX = Finding("symbol_mx_local_mix", 3.0, "Some addresses are of private networks")
BOGON_ONLY = Finding("symbol_mx_bogon_only", 8.0, "All addresses are such as nobody can have")
BOGON_MIX = Finding("symbol_mx_bogon_mix", 5.0, "Some addresses are such as nobody can have")
SKIP = Finding("symbol_mx_skip", 0.0, "All addresses are excluded")
BAD = Finding("symbol_mx_bad", 6.0, "The MX is one of `bad_mxs`")
IP_BAD = Finding("symbol_mx_ip_bad", 6.0, "An address of the MX is one of `bad_ips`")
INFLIGHT = Finding("symbol_mx_inflight", 0.0, "Somebody else is connecting just now")
STORE_ERROR = Finding("symbol_mx_redis_error", 0.0, "The store failed, nothing was probed")

FINDINGS = tuple(value for value in vars().values() if isinstance(value, Finding))
ON_ADDRESS = {
    GOOD: A_GOOD,
    REFUSED: A_REFUSED,
    TIMEOUT_CONNECT: A_TIMEOUT_CONNECT,
    TIMEOUT_READ: A_TIMEOUT_READ,
    ERROR: A_ERROR,
    INVALID: A_INVALID,
}
"""What a finding is called where the domain has no MX and its own addresses were tried."""

GREYLISTED = {
    INVALID: "greylist_invalid",
    A_INVALID: "greylist_invalid",
    NONE: "greylist_none",
    BROKEN: "greylist_broken",
    REFUSED: "greylist_refused",
    A_REFUSED: "greylist_refused",
    NULL: "greylist_null",
    TIMEOUT_CONNECT: "greylist_timeout_connect",
    A_TIMEOUT_CONNECT: "greylist_timeout_connect",
    TIMEOUT_READ: "greylist_timeout_read",
    A_TIMEOUT_READ: "greylist_timeout_read",
}
"""The option by which a finding asks for greylisting."""

OUTBOUND_SWITCHES = (
    *("check_authorized", "check_local", "reject_authorized", "reject_local"),
    *("greylist_authorized", "greylist_local"),
)
"""Options of Rspamd that would have the check run for outbound mail."""


class Options(ModuleOptions, frozen=True):
    """What is connected to, how long answers are kept, and what follows from them."""

    aliases: ClassVar[dict[str, str]] = {
        "timeout": "connect_timeout",
        "wait_for_greeting": "verify_greeting",
        "symbol_no_mx": "symbol_mx_none",
    }

    enabled: bool = False
    connect_timeout: Short = 2.0
    """How long to wait for a connection; also as `timeout`."""
    read_timeout: Short = 5.0
    """How long to wait for the greeting."""
    port: Port = 25
    """The port that is connected to."""
    verify_greeting: bool = False
    """Whether to read the greeting, too; also as `wait_for_greeting`."""
    send_quit: bool = False
    """With `verify_greeting`: reads all of the greeting, and says QUIT."""
    expire: Seconds = 86_400.0
    """How long it is kept that an address answers as a mail server, or does not greet."""
    expire_dns: Seconds = 1800.0
    """How long answers of the DNS are kept; 0: not at all."""
    expire_novalid: Seconds = 14_400.0
    """How long it is kept that an address refuses, or is no mail server."""
    expire_timeout: Seconds = 7200.0
    """How long it is kept that an address does not answer."""
    check_from: bool = True
    """Checks the envelope sender's domain; HELO for a bounce."""
    check_mime_from: bool = True
    """Checks the domains in From."""
    check_reply_to: bool = True
    """Checks the domains in Reply-To."""
    symbol_prefix_from: str = ""
    """What symbols of the envelope sender begin with."""
    symbol_prefix_mime_from: str = "MIME_FROM_"
    """What symbols of From begin with."""
    symbol_prefix_reply_to: str = "REPLYTO_"
    """What symbols of Reply-To begin with."""
    probe_ipv4: bool = True
    """Connects to IPv4 addresses."""
    probe_ipv6: bool = False
    """Connects to IPv6 addresses."""
    prefer_ipv6: bool = True
    """Where both are probed: IPv6 first."""
    max_mx_a_records: Some = 3
    """How many exchangers, and how many addresses of one, are considered."""
    reject_null_mx: bool = False
    """Rejects letters from domains that take no mail (RFC 7505)."""
    reject_null_mx_message: str = "Domain published RFC 7505 Null MX"
    """The text of that."""
    greylist_invalid: bool = True
    """Asks `greylist` to have a letter wait whose MX does not speak SMTP,"""
    greylist_none: bool = True
    """whose domain has neither MX nor address,"""
    greylist_broken: bool = True
    """whose MX have no address,"""
    greylist_refused: bool = True
    """whose MX refuses connections,"""
    greylist_null: bool = True
    """whose domain takes no mail,"""
    greylist_timeout_connect: bool = True
    """whose MX does not answer,"""
    greylist_timeout_read: bool = True
    """or does not greet."""
    check_authorized: bool = False
    """Taken and ignored: the check never runs for authenticated senders."""
    check_local: bool = False
    """Taken and ignored: the check never runs for local senders."""
    reject_authorized: bool = False
    """See `check_authorized`."""
    reject_local: bool = False
    """See `check_local`."""
    greylist_authorized: bool = False
    """See `check_authorized`."""
    greylist_local: bool = False
    """See `check_local`."""
    exclude_domains: Raw = None
    """A map (glob) of domains that are not checked: `MX_WHITE`."""
    exclude_mxs: Raw = None
    """A map (glob) of exchangers that are trusted: `MX_WHITE`."""
    exclude_ips: Raw = None
    """A map of addresses that are not connected to."""
    bad_mxs: Raw = None
    """A map (glob) of exchangers that are bad; a number as value is a weight."""
    bad_ips: Raw = None
    """A map of addresses that are bad; a number as value is a weight."""
    key_prefix: str = "rmx"
    """What keys in the store begin with."""
    test_mode: bool = False
    """For tests only: loopback addresses are connected to."""
    symbol_good_mx: str | None = "MX_GOOD"
    """The names of the symbols; null: there is none."""
    symbol_white_mx: str | None = "MX_WHITE"
    """See `symbol_good_mx`."""
    symbol_bad_mx: str | None = "MX_INVALID"
    """See `symbol_good_mx`."""
    symbol_mx_refused: str | None = "MX_REFUSED"
    """See `symbol_good_mx`."""
    symbol_mx_timeout_connect: str | None = "MX_TIMEOUT_CONNECT"
    """See `symbol_good_mx`."""
    symbol_mx_timeout_read: str | None = "MX_TIMEOUT_READ"
    """See `symbol_good_mx`."""
    symbol_mx_error: str | None = "MX_ERROR"
    """See `symbol_good_mx`."""
    symbol_mx_none: str | None = "MX_NONE"
    """See `symbol_good_mx`; also as `symbol_no_mx`."""
    symbol_mx_null: str | None = "MX_NULL"
    """See `symbol_good_mx`."""
    symbol_mx_broken: str | None = "MX_BROKEN"
    """See `symbol_good_mx`."""
    symbol_mx_dns_fail: str | None = "MX_DNS_FAIL"
    """See `symbol_good_mx`."""
    symbol_mx_a_good: str | None = "MX_A_GOOD"
    """See `symbol_good_mx`."""
    symbol_mx_a_refused: str | None = "MX_A_REFUSED"
    """See `symbol_good_mx`."""
    symbol_mx_a_timeout_connect: str | None = "MX_A_TIMEOUT_CONNECT"
    """See `symbol_good_mx`."""
    symbol_mx_a_timeout_read: str | None = "MX_A_TIMEOUT_READ"
    """See `symbol_good_mx`."""
    symbol_mx_a_error: str | None = "MX_A_ERROR"
    """See `symbol_good_mx`."""
    symbol_mx_a_invalid: str | None = "MX_A_INVALID"
    """See `symbol_good_mx`."""
    symbol_mx_local_only: str | None = "MX_LOCAL_ONLY"
    """See `symbol_good_mx`."""
    symbol_mx_local_mix: str | None = "MX_LOCAL_MIX"
    """See `symbol_good_mx`."""
    symbol_mx_bogon_only: str | None = "MX_BOGON_ONLY"
    """See `symbol_good_mx`."""
    symbol_mx_bogon_mix: str | None = "MX_BOGON_MIX"
    """See `symbol_good_mx`."""
    symbol_mx_skip: str | None = "MX_SKIP"
    """See `symbol_good_mx`."""
    symbol_mx_bad: str | None = "MX_BAD"
    """See `symbol_good_mx`."""
    symbol_mx_ip_bad: str | None = "MX_IP_BAD"
    """See `symbol_good_mx`."""
    symbol_mx_inflight: str | None = "MX_INFLIGHT"
    """See `symbol_good_mx`."""
    symbol_mx_redis_error: str | None = "MX_REDIS_ERROR"
    """See `symbol_good_mx`."""
