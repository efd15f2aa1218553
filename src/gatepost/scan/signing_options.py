# SPDX-License-Identifier: Apache-2.0
"""The options by which DKIM signing and ARC sealing choose what to sign, for whom, with which key.

Source: direction-modules reference §6. Where two modules differ in a default, the module says so.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gatepost.config import Raw, Seconds
from gatepost.scan.module import ModuleOptions


class SelectorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One of several selectors of a domain; what is missing comes from the module's defaults."""

    selector: str | None = None
    path: str | None = None


class DomainEntry(msgspec.Struct, frozen=True, kw_only=True):
    """``domain { example.org { … } }``: one selector, or several, each of which signs."""

    selector: str | None = None
    path: str | None = None
    selectors: list[SelectorEntry] = []


class SigningOptions(ModuleOptions, frozen=True):
    """Paths and selectors are templates with ``$domain`` and ``$selector``; a relative path
    starts at the configuration folder. Times in seconds.
    """

    sign_authenticated: bool = True
    """Sign what users send who logged in."""
    sign_local: bool = True
    """Sign what clients in `local_addrs` send."""
    sign_inbound: bool = False
    """Sign mail that is neither."""
    sign_networks: Raw = None
    """Clients whose mail is signed, whatever else they are."""
    allow_envfrom_empty: bool = True
    """Sign bounces."""
    allow_hdrfrom_mismatch: bool = False
    """Sign although the author's domain is not the envelope sender's."""
    allow_hdrfrom_mismatch_local: bool = False
    """The same, for local clients alone."""
    allow_hdrfrom_mismatch_sign_networks: bool = False
    """The same, for clients in `sign_networks` alone."""
    allow_hdrfrom_multiple: bool = False
    """Sign mail of several authors, for the first."""
    allow_username_mismatch: bool = False
    """Sign although the user logged in under another domain than the one that signs, or under
    none."""
    skip_spam_sign: bool = False
    """Do not sign what another check has called spam by a pre-result."""
    check_violation: bool = False
    """Do not sign where the letter's own signature is wrong."""
    use_domain: str = "header"
    """Which domain signs: `header` (From), `envelope`, `auth` (the user's), `recipient`, or a
    name."""
    use_domain_sign_networks: str | None = None
    """The same, for clients in `sign_networks`."""
    use_domain_sign_local: str | None = None
    """The same, for local clients."""
    use_domain_sign_inbound: str | None = None
    """The same, for clients that are neither local nor logged in."""
    use_domain_custom: str | None = None
    """`FILE.py:NAME`: a function of the task that gives the domain."""
    use_esld: bool = True
    """Sign for the registrable domain (`example.org` for `news.example.org`), and compare those."""
    selector: str = "dkim"
    """The selector where nothing else names one."""
    path: str | None = None
    """The file of the key where nothing else names one; by default in a folder of `$DBDIR`."""
    domain: dict[str, DomainEntry] = {}
    """`selector` and `path` for each domain, or several in `selectors`, each of which signs."""
    selector_map: Raw = None
    """Domain → selector."""
    path_map: Raw = None
    """Domain → path of the key."""
    signing_table: Raw = None
    """OpenDKIM's: author's address (`*` allowed) → name in `key_table`."""
    key_table: Raw = None
    """OpenDKIM's: name → `domain:key` or `domain:selector:key`; `%` is the author's domain."""
    try_fallback: bool = True
    """Try `selector` and `path` for domains that are configured nowhere."""
    check_pubkey: bool = False
    """Compare the key with the one in the DNS."""
    allow_pubkey_mismatch: bool = True
    """Sign although that one is missing or another; the log warns."""
    use_redis: bool = False
    """Take keys from the store."""
    key_prefix: str = "DKIM_KEYS"
    """The hash of the store that has the keys, by `selector.domain`."""
    selector_prefix: str | None = None
    """The hash of the store that has the selectors, by domain."""
    use_vault: bool = False
    """Take keys from a HashiCorp Vault."""
    vault_url: str | None = None
    """Its address, such as `https://vault:8200`."""
    vault_token: str | None = None
    """The token to show it."""
    vault_path: str = "dkim"
    """Where the domains are: the mount, and a path below it."""
    vault_kv_version: Literal[1, 2] = 1
    """The version of Vault's key-value engine."""
    vault_domains: Raw = None
    """The domains whose keys are there (`*` allowed); all if there is no such list."""
    http_timeout: Seconds = 5.0
    """How long to wait for the Vault."""
    no_ssl_verify: bool = False
    """Take the Vault's certificate, whatever it is."""
    sign_condition: str | None = None
    """`FILE.py:NAME`: a function of the task that says what signs; it goes before direction and
    domain."""
    use_http_headers: bool = False
    """Sign as the request headers below say; whoever may scan may then sign."""
    allow_headers_fallback: bool = False
    """Where they say nothing, go on as without them."""
    http_sign_header: str = "PerformDkimSign"
    """Request header that asks for a signature."""
    http_sign_on_reject_header_header: str = "SignOnAuthFailed"  # sic: Rspamd's name
    """Request header that asks for it although the letter's own signature is wrong."""
    http_domain_header: str = "DkimDomain"
    """Request header with the domain."""
    http_selector_header: str = "DkimSelector"
    """Request header with the selector."""
    http_key_header: str = "DkimPrivateKey"
    """Request header with the key itself."""
    allowed_ids: list[str] = []
    """Sign only under these settings ids."""
    forbidden_ids: list[str] = []
    """Never sign under these settings ids."""
