# SPDX-License-Identifier: Apache-2.0
"""The symbols of the lists that are configured as shipped: scores, groups, what they mean.

Source: content reference §5.6 (rbl and surbl groups).
"""

from __future__ import annotations

from collections.abc import Iterable

from gatepost.scan.symbol import Symbol

ADDRESSES = "rbl"
NAMES = "surbl"

Row = tuple[str, float, str]

SPAMHAUS: tuple[tuple[str, float, float, str], ...] = (
    ("SBL", 4.0, 3.0, "is in the Spamhaus Block List"),
    ("CSS", 2.0, 1.0, "is in Spamhaus CSS"),
    ("XBL", 4.0, 1.0, "is in the Spamhaus Exploits Block List"),
    ("PBL", 2.0, 0.0, "is in the Spamhaus Policy Block List"),
    ("DROP", 7.0, 6.0, "is in Spamhaus DROP"),
    ("BLOCKED_OPENRESOLVER", 0.0, 0.0, "could not be looked up: our resolver is an open one"),
    ("BLOCKED", 0.0, 0.0, "could not be looked up: we ask Spamhaus too much"),
)
"""Part of the name, score for the client, score for an earlier hop, what is said of them."""

CLIENTS: tuple[Row, ...] = (
    ("RBL_SPAMHAUS", 0.0, "Spamhaus gave an unknown answer about the client"),
    ("RECEIVED_SPAMHAUS", 0.0, "Spamhaus gave an unknown answer about an earlier hop"),
    ("MAILSPIKE", 0.0, "Mailspike gave an unknown answer"),
    ("RBL_MAILSPIKE_WORST", 2.0, "Mailspike: the worst reputation"),
    ("RBL_MAILSPIKE_VERYBAD", 1.5, "Mailspike: a very bad reputation"),
    ("RBL_MAILSPIKE_BAD", 1.0, "Mailspike: a bad reputation"),
    ("RWL_MAILSPIKE_NEUTRAL", 0.0, "Mailspike: neither good nor bad"),
    ("RWL_MAILSPIKE_POSSIBLE", 0.0, "Mailspike: perhaps a good sender"),
    ("RWL_MAILSPIKE_GOOD", -0.1, "Mailspike: a good reputation"),
    ("RWL_MAILSPIKE_VERYGOOD", -0.2, "Mailspike: a very good reputation"),
    ("RWL_MAILSPIKE_EXCELLENT", -0.4, "Mailspike: an excellent reputation"),
    ("RBL_SEM", 1.0, "The client is in a list of SpamEatingMonkey"),
    ("RBL_SEM_IPV6", 1.0, "The client is in a list of SpamEatingMonkey for IPv6"),
    ("RCVD_IN_DNSWL", 0.0, "DNSWL gave an unknown answer"),
    ("RCVD_IN_DNSWL_NONE", 0.0, "In DNSWL, without trust"),
    ("RCVD_IN_DNSWL_LOW", -0.1, "In DNSWL, with low trust"),
    ("RCVD_IN_DNSWL_MED", -0.2, "In DNSWL, with medium trust"),
    ("RCVD_IN_DNSWL_HI", -0.5, "In DNSWL, with high trust"),
    ("DNSWL_BLOCKED", 0.0, "DNSWL did not answer: we ask too much"),
    ("RBL_VIRUSFREE_UNKNOWN", 0.0, "virusfree.cz gave an unknown answer"),
    ("RBL_VIRUSFREE_BOTNET", 2.0, "virusfree.cz: the client is part of a botnet"),
    ("RBL_BLOCKLISTDE", 4.0, "The client is in blocklist.de"),
    ("RECEIVED_BLOCKLISTDE", 3.0, "An earlier hop is in blocklist.de"),
    ("DWL_DNSWL", 0.0, "DNSWL gave an unknown answer about a signing domain"),
    ("DWL_DNSWL_NONE", 0.0, "The signing domain is in DNSWL, without trust"),
    ("DWL_DNSWL_LOW", -1.0, "The signing domain is in DNSWL, with low trust"),
    ("DWL_DNSWL_MED", -2.0, "The signing domain is in DNSWL, with medium trust"),
    ("DWL_DNSWL_HI", -3.5, "The signing domain is in DNSWL, with high trust"),
    ("DWL_DNSWL_BLOCKED", 0.0, "DNSWL did not answer about a domain: we ask too much"),
)

SENDERSCORE: tuple[tuple[str, float], ...] = (
    ("UNKNOWN", 0.0),
    ("BOT", 2.0),
    ("NA", 0.0),
    ("NA_BOT", 1.0),
    ("PRST", 2.0),
    ("PRST_BOT", 3.0),
    ("PRST_NA", 2.0),
    ("PRST_NA_BOT", 3.0),
    ("SUS_ATT", 1.0),
    ("SUS_ATT_NA", 1.0),
    ("SUS_ATT_NA_BOT", 1.5),
    ("SUS_ATT_PRST_NA", 3.0),
    ("SUS_ATT_PRST_NA_BOT", 3.5),
    ("SCORE", 2.0),
    ("SCORE_NA", 2.0),
    ("SCORE_PRST", 4.0),
    ("SCORE_PRST_NA", 4.0),
    ("SCORE_SUS_ATT_NA", 3.0),
    ("BLOCKED", 0.0),
    ("REPUT_UNKNOWN", 0.0),
    ("REPUT_0", 4.0),
    ("REPUT_1", 3.5),
    ("REPUT_2", 3.0),
    ("REPUT_3", 2.5),
    ("REPUT_4", 2.0),
    ("REPUT_5", 1.5),
    ("REPUT_6", 1.0),
    ("REPUT_7", 0.5),
    ("REPUT_8", 0.0),
    ("REPUT_9", -1.0),
    ("REPUT_BLOCKED", 0.0),
)

DOMAINS: tuple[Row, ...] = (
    ("SURBL_MULTI", 0.0, "SURBL gave an unknown answer"),
    ("SURBL_BLOCKED", 0.0, "SURBL did not answer: we ask too much"),
    ("PH_SURBL_MULTI", 7.5, "SURBL: phishing"),
    ("MW_SURBL_MULTI", 7.5, "SURBL: malware"),
    ("ABUSE_SURBL", 5.0, "SURBL: spam and other abuse"),
    ("CRACKED_SURBL", 5.0, "SURBL: a cracked site"),
    ("CT_SURBL", 0.0, "SURBL: click trackers"),
    ("DM_SURBL", 0.0, "SURBL: disposable mail addresses"),
    ("SURBL_HASHBL", 0.0, "SURBL gave an unknown answer about a hashed URL"),
    ("SURBL_HASHBL_PHISH", 0.0, "SURBL: a URL of phishing"),
    ("SURBL_HASHBL_MALWARE", 0.0, "SURBL: a URL of malware"),
    ("SURBL_HASHBL_ABUSE", 0.0, "SURBL: a URL of abuse"),
    ("SURBL_HASHBL_CRACKED", 0.0, "SURBL: a URL of a cracked site"),
    ("SURBL_HASHBL_EMAIL", 0.0, "SURBL: a mail address of abuse"),
    ("URIBL_MULTI", 0.0, "URIBL gave an unknown answer"),
    ("URIBL_BLOCKED", 0.0, "URIBL did not answer: we ask too much"),
    ("URIBL_BLACK", 7.5, "URIBL: black"),
    ("URIBL_GREY", 2.5, "URIBL: grey"),
    ("URIBL_RED", 0.5, "URIBL: red"),
    ("RSPAMD_URIBL", 4.5, "Rspamd's own list of domains"),
    ("RSPAMD_EMAILBL", 2.5, "Rspamd's own list of mail addresses"),
    ("MSBL_EBL", 7.5, "A mail address in the EBL of MSBL"),
    ("MSBL_EBL_GREY", 0.5, "A mail address in the grey list of MSBL"),
    ("SEM_URIBL_UNKNOWN", 0.0, "SpamEatingMonkey gave an unknown answer"),
    ("SEM_URIBL", 3.5, "SpamEatingMonkey: a domain of spam"),
    ("SEM_URIBL_FRESH15_UNKNOWN", 0.0, "SpamEatingMonkey gave an unknown answer"),
    ("SEM_URIBL_FRESH15", 3.0, "SpamEatingMonkey: a domain younger than 15 days"),
    ("DBL", 0.0, "The Domain Block List gave an unknown answer"),
    ("DBL_SPAM", 6.5, "DBL: a domain of spam"),
    ("DBL_PHISH", 7.5, "DBL: phishing"),
    ("DBL_MALWARE", 7.5, "DBL: malware"),
    ("DBL_BOTNET", 7.5, "DBL: command of a botnet"),
    ("DBL_ABUSE", 5.0, "DBL: a good domain that spam abuses"),
    ("DBL_ABUSE_REDIR", 5.0, "DBL: a redirector that spam abuses"),
    ("DBL_ABUSE_PHISH", 6.5, "DBL: a good domain that phishing abuses"),
    ("DBL_ABUSE_MALWARE", 6.5, "DBL: a good domain that malware abuses"),
    ("DBL_ABUSE_BOTNET", 6.5, "DBL: a good domain that a botnet abuses"),
    ("DBL_PROHIBIT", 0.0, "DBL was asked for an address, which it does not list"),
    ("DBL_BLOCKED_OPENRESOLVER", 0.0, "DBL does not answer: our resolver is an open one"),
    ("DBL_BLOCKED", 0.0, "DBL does not answer: we ask Spamhaus too much"),
)

HOSTS: tuple[Row, ...] = (
    ("SPAMHAUS_ZEN_URIBL", 0.0, "Spamhaus gave an unknown answer about a host in a link"),
    ("URIBL_SBL", 6.5, "A host is in the Spamhaus Block List"),
    ("URIBL_SBL_CSS", 5.0, "A host is in Spamhaus CSS"),
    ("URIBL_XBL", 3.0, "A host is in the Spamhaus Exploits Block List"),
    ("URIBL_PBL", 0.01, "A host is in the Spamhaus Policy Block List"),
    ("URIBL_DROP", 5.0, "A host is in Spamhaus DROP"),
)


def _all() -> Iterable[Symbol]:
    for part, client, hop, said in SPAMHAUS:
        yield Symbol(f"RBL_SPAMHAUS_{part}", client, f"The client {said}", ADDRESSES)
        about = f"An earlier hop {said}"
        yield Symbol(f"RECEIVED_SPAMHAUS_{part}", hop, about, ADDRESSES, one_shot=True)
    for name, score, about in CLIENTS:
        once = name.startswith("RECEIVED_")
        yield Symbol(name, score, about, ADDRESSES, one_shot=once)
    for part, score in SENDERSCORE:
        about = "SenderScore: " + part.lower().replace("_", " ")
        name = f"RBL_SENDERSCORE_{part}"
        yield Symbol(name, score, about, "senderscore", groups=(ADDRESSES,))
    for name, score, about in (*DOMAINS, *HOSTS):
        yield Symbol(name, score, about, NAMES, groups=(ADDRESSES,), one_shot=True)


SYMBOLS: dict[str, Symbol] = {symbol.name: symbol for symbol in _all()}


def symbol_named(name: str, *, failure: bool = False) -> Symbol:
    """The symbol as shipped; one without a score for a name of the operator's own."""
    known = SYMBOLS.get(name)
    if known is not None:
        return known
    if failure:
        return Symbol(name, 0.0, "The list could not be asked", ADDRESSES, nostat=True)
    return Symbol(name, 0.0, "Found in a DNS list", ADDRESSES)
