# SPDX-License-Identifier: Apache-2.0
"""Under which domain does somebody own this host: one label below the longest public suffix?

The list is Mozilla's (``publicsuffixlist``), its private section included, as Rspamd's
``effective_tld_names.dat``. Source: content reference §1.8.
"""

from __future__ import annotations

from functools import cache, lru_cache

import idna
from publicsuffixlist import PublicSuffixList

MAX_HOST = 255  # octets of a domain name (RFC 1035 2.3.4); a longer string has no domain
DIGITS_AND_DOTS = frozenset("0123456789.")


@cache
def _list() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


@lru_cache(maxsize=8192)
def registrable_domain(host: str) -> str:
    """The eSLD of ``host``, in lower case and in the script it came in.

    ``host`` itself, unchanged, when it has none: no known suffix, an address, a bare suffix.
    """
    suffix = _suffix_labels(host)
    if not suffix:
        return host
    labels = host.rstrip(".").lower().split(".")
    return ".".join(labels[-suffix - 1 :]) if len(labels) > suffix else host


@lru_cache(maxsize=8192)
def has_public_suffix(host: str) -> bool:
    """True when ``host`` is below, or is, a public suffix of the list."""
    return _suffix_labels(host) > 0


def _suffix_labels(host: str) -> int:
    """How many labels the public suffix of ``host`` has; 0: none is known."""
    name = host.rstrip(".").lower()
    if not name or len(name) > MAX_HOST or ".." in name or name[0] == "." or ":" in name:
        return 0
    if DIGITS_AND_DOTS.issuperset(name):
        return 0
    if not name.isascii():
        name = _to_ascii(name)
    suffix = _list().publicsuffix(name)
    return suffix.count(".") + 1 if suffix else 0


def _to_ascii(name: str) -> str:
    """Punycode label by label; a label that cannot be one is left, it matches no suffix."""
    labels = []
    for label in name.split("."):
        if not label.isascii():
            try:
                label = "xn--" + idna.ulabel(label).encode("punycode").decode("ascii")
            except (UnicodeError, ValueError):
                label = "?"
        labels.append(label)
    return ".".join(labels)
