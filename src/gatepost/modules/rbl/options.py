# SPDX-License-Identifier: Apache-2.0
"""The options of one rule, as written, and with the module's defaults filled in.

Source: direction-modules reference §16, Rule options.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

import msgspec
from msgspec import Meta

from gatepost.config import Count, Names, Raw
from gatepost.modules.rbl.codes import Matcher

Kind = Literal[
    "from",
    "received",
    "helo",
    "rdns",
    "urls",
    "content_urls",
    "numeric_urls",
    "images",
    "emails",
    "replyto",
    "dkim",
    "selector",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Mask = Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
HashName = Literal["sha1", "sha256", "sha384", "sha512", "md5", "blake2"]
Position = Annotated[int, Meta(ge=-1000, le=1000)]

INHERITED = (
    "enabled",
    "ipv4",
    "ipv6",
    "unknown",
    "exclude_users",
    "exclude_local",
    "no_ip",
    "dkim_domainonly",
    "dkim_match_from",
    "emails_domainonly",
    "selector_flatten",
)
"""Options that a rule takes from the module's ``default_`` ones."""


class RuleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. What is ``None`` was not written."""

    aliases: ClassVar[dict[str, str]] = {
        "suffix": "rbl",
        "ignore_default": "ignore_defaults",
        "ignore_whitelists": "ignore_whitelist",
        "return_codes": "returncodes",
        "return_bits": "returnbits",
        "exclude_private_ips": "exclude_local",
    }

    rbl: str
    symbol: str | None = None
    enabled: bool | None = None
    disabled: bool = False

    checks: list[Kind] = []
    exclude_checks: list[Kind] = []
    from_: bool | None = msgspec.field(default=None, name="from")
    received: bool | None = None
    helo: bool | None = None
    rdns: bool | None = None
    urls: bool | None = None
    content_urls: bool | None = None
    numeric_urls: bool | None = None
    images: bool | None = None
    emails: bool | None = None
    replyto: bool | None = None
    dkim: bool | None = None
    selector: Raw = None

    ignore_defaults: bool = False
    ipv4: bool | None = None
    ipv6: bool | None = None
    exclude_users: bool | None = None
    exclude_local: bool | None = None
    local_exclude_ip_map: Raw = None
    no_ip: bool | None = None
    resolve_ip: bool = False
    requests_limit: Count = 0
    require_symbols: Names = []
    is_empty: bool = False

    hash: HashName | None = None
    hash_format: Literal["hex", "base32", "base64"] = "hex"
    hash_len: Annotated[int, Meta(ge=1, le=128)] | None = None
    process_script: str | None = None

    dkim_domainonly: bool | None = None
    dkim_match_from: bool | None = None
    emails_domainonly: bool | None = None
    emails_delimiter: str | None = None
    selector_flatten: bool | None = None
    url_compose_map: Raw = None
    url_full_hostname: bool = False
    received_min_pos: Position | None = None
    received_max_pos: Position | None = None
    received_flags: Names = []
    received_nflags: Names = []

    returncodes: dict[str, list[str]] = {}
    returnbits: dict[str, list[Mask]] = {}
    returncodes_matcher: Matcher | None = None
    symbols_prefixes: dict[str, str] = {}
    unknown: bool | None = None

    is_whitelist: bool = False
    whitelist_exception: Names = []
    ignore_whitelist: bool = False
    whitelist: Raw = None
    url_whitelist: Raw = None
    ignore_url_whitelist: bool = False

    disable_monitoring: bool = False
    monitored_address: str | None = None
    random_monitored: bool | None = None

    def asks(self, kind: Kind) -> bool:
        """Whether the rule makes this kind of check."""
        if kind in self.exclude_checks:
            return False
        if kind == "selector":  # as rspamd: it need not be among the checks
            return self.selector is not None
        named = self.from_ if kind == "from" else getattr(self, kind)
        return bool(named) or kind in self.checks

    @property
    def asks_addresses(self) -> bool:
        """Whether it asks for clients' addresses: their whitelist is one of networks."""
        return self.asks("from") or self.asks("received")

    @property
    def asks_names(self) -> bool:
        """Whether the module's ``url_whitelist`` is for it."""
        kinds: tuple[Kind, ...] = ("urls", "emails", "dkim", "replyto")
        return any(self.asks(kind) for kind in kinds) and not self.asks_addresses


def filled(options: RuleOptions, defaults: Mapping[str, bool]) -> RuleOptions:
    """The rule with ``defaults`` (by name, without ``default_``) where it says nothing."""
    values: dict[str, Any] = {}
    for name in INHERITED:
        if getattr(options, name) is None:
            # As rspamd: without defaults everything that is not written is off, but these two.
            without = name in ("enabled", "selector_flatten")
            values[name] = without if options.ignore_defaults else defaults[name]
    return msgspec.structs.replace(options, **values)
