# SPDX-License-Identifier: Apache-2.0
"""Every mail module there is, in alphabetical order. Nothing registers itself: this is the list."""

from __future__ import annotations

from gatepost.modules.aliases import Aliases
from gatepost.modules.arc import Arc
from gatepost.modules.asn import Asn
from gatepost.modules.dkim import Dkim
from gatepost.modules.dkim_signing import DkimSigning
from gatepost.modules.dmarc import Dmarc
from gatepost.modules.external_relay import ExternalRelay
from gatepost.modules.force_actions import ForceActions
from gatepost.modules.greylist import Greylist
from gatepost.modules.hfilter import HFilter
from gatepost.modules.known_senders import KnownSenders
from gatepost.modules.milter_headers import MilterHeaders
from gatepost.modules.mx_check import MxCheck
from gatepost.modules.once_received import OnceReceived
from gatepost.modules.p0f import P0f
from gatepost.modules.python import Python
from gatepost.modules.ratelimit import Ratelimit
from gatepost.modules.rbl import Rbl
from gatepost.modules.replies import Replies
from gatepost.modules.reputation import Reputation
from gatepost.modules.spamtrap import Spamtrap
from gatepost.modules.spf import Spf
from gatepost.modules.whitelist import Whitelist
from gatepost.scan.module import Module

ALL: tuple[type[Module], ...] = (
    Aliases,
    Arc,
    Asn,
    Dkim,
    DkimSigning,
    Dmarc,
    ExternalRelay,
    ForceActions,
    Greylist,
    HFilter,
    KnownSenders,
    MilterHeaders,
    MxCheck,
    OnceReceived,
    P0f,
    Python,
    Ratelimit,
    Rbl,
    Replies,
    Reputation,
    Spamtrap,
    Spf,
    Whitelist,
)
