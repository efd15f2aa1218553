# SPDX-License-Identifier: Apache-2.0
"""The options of one rule: what has a reputation (selector), and where it is kept (backend).

Source: direction-modules reference §20.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from gatepost.config import Raw, Seconds

Length = Annotated[int, Meta(ge=1, le=1000)]
HashName = Literal["blake2", "md5", "sha1", "sha256", "sha384", "sha512"]
Encoding = Literal["base32", "hex", "base64"]
MONTH = 2_592_000.0


class SelectorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What all selectors have. ``symbol`` is the one of a rule that names none."""

    symbol: str | None = None
    lower_bound: Annotated[float, Meta(ge=0)] = 10.0
    split_symbols: bool = False
    inbound: bool = True
    outbound: bool = True
    exclusion_map: Raw = None
    # Taken and ignored, as in Rspamd.
    min_score: float | None = None
    max_score: float | None = None
    score_divisor: float = 1.0


class Shares(msgspec.Struct, frozen=True):
    """``scores``: how much each part of a sender's place counts."""

    asn: float = 0.4
    country: float = 0.01
    ip: float = 1.0


class IpOptions(SelectorOptions, frozen=True, kw_only=True):
    """The client's network, autonomous system and country."""

    symbol: str | None = "SENDER_REP"
    split_symbols: bool = True
    outbound: bool = False
    scores: Shares = Shares()
    asn_prefix: str = "a:"
    country_prefix: str = "c:"
    ip_prefix: str = "i:"
    ipv4_mask: Annotated[int, Meta(ge=0, le=32)] = 32
    ipv6_mask: Annotated[int, Meta(ge=0, le=128)] = 64
    asn_cc_whitelist: Raw = None


class SpfOptions(SelectorOptions, frozen=True, kw_only=True):
    """The SPF record that the client passed."""

    symbol: str | None = "SPF_REP"
    split_symbols: bool = True


class DkimOptions(SelectorOptions, frozen=True, kw_only=True):
    """Domains that signed."""

    symbol: str | None = "DKIM_SCORE"
    max_accept_adjustment: float = 2.0


class UrlOptions(SelectorOptions, frozen=True, kw_only=True):
    """Domains that the letter has links to."""

    symbol: str | None = "URL_SCORE"
    max_urls: Annotated[int, Meta(ge=1, le=1000)] = 10
    check_from: bool = True  # taken and ignored, as in Rspamd


class GenericOptions(SelectorOptions, frozen=True, kw_only=True):
    """Whatever a selector finds."""

    selector: str
    delimiter: str = ":"
    whitelist: Raw = None


SELECTORS: dict[str, type[SelectorOptions]] = {
    "ip": IpOptions,
    "sender": IpOptions,
    "spf": SpfOptions,
    "dkim": DkimOptions,
    "url": UrlOptions,
    "generic": GenericOptions,
}


class BucketOptions(msgspec.Struct, frozen=True):
    """One moving average: its name in the store, and how far back it looks."""

    name: Annotated[str, Meta(min_length=1)]
    time: Annotated[float, Meta(gt=0, extra={"unit": "seconds, such as 1d or 30d"})]
    mult: float = 1.0


class BackendOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the name of a token is made."""

    aliases: ClassVar[dict[str, str]] = {"hash_len": "hashlen"}

    prefix: str = ""
    hashed: bool = False
    hash_alg: HashName = "blake2"
    hash_encoding: Encoding = "base32"
    hashlen: Length | None = None


class StoreOptions(BackendOptions, frozen=True, kw_only=True):
    """``backend "redis"``: the store, whichever it is."""

    prefix: str = "RR:"
    expiry: Seconds = 864_000.0
    buckets: tuple[BucketOptions, ...] = (BucketOptions("1m", MONTH),)


class DnsOptions(BackendOptions, frozen=True, kw_only=True):
    """``backend "dns"``: a zone that somebody else writes."""

    list: Annotated[str, Meta(min_length=1)]


class RuleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as written; selector and backend are sections that name their kind."""

    selector: Raw
    backend: Raw
    symbol: Annotated[str, Meta(min_length=1)] | None = None
    enabled: bool = True
    whitelist: Raw = None
    exclusion_map: Raw = None
