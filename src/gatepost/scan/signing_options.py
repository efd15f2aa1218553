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
    """``use_domain…``: ``header`` (From), ``envelope``, ``auth`` (the user's), ``recipient``, or
    a domain. Paths and selectors are templates with ``$domain`` and ``$selector``; a relative
    path starts at the configuration folder. ``sign_condition`` and ``use_domain_custom`` name a
    function of Python: ``FILE.py:NAME``. Times in seconds.
    """

    sign_authenticated: bool = True
    sign_local: bool = True
    sign_inbound: bool = False
    sign_networks: Raw = None

    allow_envfrom_empty: bool = True
    allow_hdrfrom_mismatch: bool = False
    allow_hdrfrom_mismatch_local: bool = False
    allow_hdrfrom_mismatch_sign_networks: bool = False
    allow_hdrfrom_multiple: bool = False
    allow_username_mismatch: bool = False
    skip_spam_sign: bool = False
    check_violation: bool = False

    use_domain: str = "header"
    use_domain_sign_networks: str | None = None
    use_domain_sign_local: str | None = None
    use_domain_sign_inbound: str | None = None
    use_domain_custom: str | None = None
    use_esld: bool = True

    selector: str = "dkim"
    path: str | None = None
    domain: dict[str, DomainEntry] = {}
    selector_map: Raw = None
    path_map: Raw = None
    signing_table: Raw = None
    key_table: Raw = None
    try_fallback: bool = True
    check_pubkey: bool = False
    allow_pubkey_mismatch: bool = True

    use_redis: bool = False
    key_prefix: str = "DKIM_KEYS"
    selector_prefix: str | None = None

    use_vault: bool = False
    vault_url: str | None = None
    vault_token: str | None = None
    vault_path: str = "dkim"
    vault_kv_version: Literal[1, 2] = 1
    vault_domains: Raw = None
    http_timeout: Seconds = 5.0
    no_ssl_verify: bool = False

    sign_condition: str | None = None
    use_http_headers: bool = False
    allow_headers_fallback: bool = False
    http_sign_header: str = "PerformDkimSign"
    http_sign_on_reject_header_header: str = "SignOnAuthFailed"  # sic: Rspamd's name
    http_domain_header: str = "DkimDomain"
    http_selector_header: str = "DkimSelector"
    http_key_header: str = "DkimPrivateKey"

    allowed_ids: list[str] = []
    forbidden_ids: list[str] = []
