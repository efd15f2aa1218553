# SPDX-License-Identifier: Apache-2.0
"""The options of ARC: those of every signing, with other defaults, and those of checking."""

from __future__ import annotations

import msgspec

from gatepost.config import Raw
from gatepost.scan.signing_options import SigningOptions


class SymbolNames(msgspec.Struct, frozen=True):
    """``symbols``: what the symbols of checking are called."""

    allow: str = "ARC_ALLOW"
    allow_trusted: str = "ARC_ALLOW_TRUSTED"
    invalid: str = "ARC_INVALID"
    dnsfail: str = "ARC_DNSFAIL"
    na: str = "ARC_NA"
    reject: str = "ARC_REJECT"


class ArcOptions(SigningOptions, frozen=True):
    """Outbound letters are sealed for their author's domain, inbound ones for the recipient's."""

    use_domain_sign_inbound: str | None = "recipient"
    """The same, for clients that are neither local nor logged in."""
    selector: str = "arc"
    """The selector where nothing else names one."""
    key_prefix: str = "ARC_KEYS"
    """The hash of the store that has the keys, by `selector.domain`."""
    allow_pubkey_mismatch: bool = False
    """Seal although the published key is missing or another; the log warns."""
    sign_headers: str | None = None
    """Header names with colons between; `(o)` signs one more than there are, `(x)` if any."""
    sign_symbol: str = "ARC_SIGNED"
    """What the symbol of sealing is called."""
    symbols: SymbolNames = SymbolNames()
    """What the symbols of checking are called."""
    whitelist: Raw = None
    """Domains whose seals and message signatures need not hold."""
    whitelisted_signers_map: Raw = None
    """Domains that are believed what they say of the letter they passed on."""
    adjust_dmarc: bool = True
    """A letter that passed DMARC with one of those, and does not any more, loses next to
    nothing."""
    reuse_auth_results: bool = False
    """Seal what an Authentication-Results field of the letter says, not what was found here."""
    trusted_authserv_id: str | None = None
    """Who must have written that field; without it, this host as the MTA calls it."""
