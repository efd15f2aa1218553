# SPDX-License-Identifier: Apache-2.0
"""The options of each header routine: what the header is called, what it says, what it replaces.

Names and defaults are Rspamd's (direction-modules reference §19.2), except that
``authentication-results`` removes only what claims to be ours (RFC 8601 5).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gatepost.config import Raw

Removal = int | list[int] | None
"""Which of the headers of this name go: 0 all, n the n-th, -n from the end; null: none."""


class XSpamdResult(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Spamd-Result"
    remove: Removal = 0
    stop_chars: str = " "
    sort_by: Literal["score", "name"] = "score"


class XRspamdServer(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Rspamd-Server"
    remove: Removal = 0
    hostname: str | None = None


class XRspamdQueueId(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Rspamd-Queue-Id"
    remove: Removal = 0


class XRspamdAction(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Rspamd-Action"
    remove: Removal = 0


class XRspamdPreResult(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Rspamd-Pre-Result"
    remove: Removal = 0


class XSpamdBar(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Spamd-Bar"
    remove: Removal = 0
    positive: str = "+"
    negative: str = "-"
    neutral: str = "/"


class XSpamLevel(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Spam-Level"
    remove: Removal = 0
    char: str = "*"


class XSpamStatus(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Spam-Status"
    remove: Removal = 0


class SpamHeader(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "Deliver-To"
    remove: Removal = 0
    value: str = "Junk"


class RemoveSpamFlag(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Spam"


class RemoveHeader(msgspec.Struct, frozen=True, kw_only=True):
    header: str = ""
    remove: Removal = 0


class RemoveHeaders(msgspec.Struct, frozen=True, kw_only=True):
    headers: dict[str, int | list[int]] = {}


class AddHeaders(msgspec.Struct, frozen=True, kw_only=True):
    headers: dict[str, str] = {}
    remove: Removal = 0


class XVirus(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Virus"
    remove: Removal = 0
    symbols: list[str] = []
    symbols_fail: list[str] = []
    status_clean: str | None = None
    status_infected: str | None = None
    status_fail: str | None = None


class XOsFingerprint(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-OS-Fingerprint"
    remove: Removal = 0


class AuthenticationResults(msgspec.Struct, frozen=True, kw_only=True):
    """``remove``: ``own`` are those that claim to be ours. The ``…_symbols`` change nothing: what
    is said comes from the verdicts themselves."""

    header: str = "Authentication-Results"
    remove: Removal | Literal["own"] = "own"
    remove_ar_from: Raw = None
    authserv_id: str | None = None
    add_smtp_user: bool = True
    stop_chars: str = ";"
    spf_symbols: Raw = None
    dkim_symbols: Raw = None
    dmarc_symbols: Raw = None
    arc_symbols: Raw = None


class StatSignature(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Stat-Signature"
    remove: Removal = 0


class FuzzyHashes(msgspec.Struct, frozen=True, kw_only=True):
    header: str = "X-Rspamd-Fuzzy"
    remove: Removal = 0


class Routines(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """``routines``: one section for each routine, under its name."""

    x_spamd_result: XSpamdResult = XSpamdResult()
    x_rspamd_server: XRspamdServer = XRspamdServer()
    x_rspamd_queue_id: XRspamdQueueId = XRspamdQueueId()
    x_rspamd_action: XRspamdAction = XRspamdAction()
    x_rspamd_pre_result: XRspamdPreResult = XRspamdPreResult()
    x_spamd_bar: XSpamdBar = XSpamdBar()
    x_spam_level: XSpamLevel = XSpamLevel()
    x_spam_status: XSpamStatus = XSpamStatus()
    spam_header: SpamHeader = SpamHeader()
    remove_spam_flag: RemoveSpamFlag = RemoveSpamFlag()
    remove_header: RemoveHeader = RemoveHeader()
    remove_headers: RemoveHeaders = RemoveHeaders()
    add_headers: AddHeaders = AddHeaders()
    x_virus: XVirus = XVirus()
    x_os_fingerprint: XOsFingerprint = XOsFingerprint()
    authentication_results: AuthenticationResults = AuthenticationResults()
    stat_signature: StatSignature = StatSignature()
    fuzzy_hashes: FuzzyHashes = FuzzyHashes()
