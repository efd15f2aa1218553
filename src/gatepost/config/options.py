# SPDX-License-Identifier: Apache-2.0
"""The section ``options``: what concerns every scan and belongs to no module.

Names and defaults are Rspamd's (core reference §2). Options of Rspamd that mean nothing here
(``filters``, caches of its own regular expressions …) are taken and ignored, so that an existing
``options.inc`` loads; where somebody would rely on one, a warning says that nothing comes of it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, structs

from gatepost.config.bind import bind
from gatepost.config.layers import Configuration
from gatepost.config.problems import Problems
from gatepost.config.units import Bytes, Count, Names, Raw, Seconds
from gatepost.ucl import Object

Attempts = Annotated[int, Meta(ge=1, le=20)]

RAW_INPUT = "what cannot be read as MIME is scanned as far as it can be read"
COMPAT_MESSAGES = "`messages` of a reply is always an object"
DNSSEC = "answers are not validated here; let the name server do that"
HOSTS = "no hosts file is read; use `fake_records`"


class DnsSection(msgspec.Struct, frozen=True, kw_only=True):
    """``options.dns``."""

    aliases: ClassVar[dict[str, str]] = {
        "server": "nameserver",
        "servers": "nameserver",
        "fake_replies": "fake_records",
    }

    nameserver: list[str] = []
    """Servers as ``ip``, ``ip:port`` or ``ip:port:weight``; none: those of resolv.conf."""
    timeout: Annotated[float, Meta(gt=0)] = 1.0
    """Seconds, for each attempt."""
    retransmits: Attempts = 5
    """Attempts at one question."""
    fake_records: Raw = None
    """Answers that are made up, for tests and for hosts that the DNS does not know."""
    cache_size: Count = 20_000
    """Answers that are kept."""
    cache_bytes: Bytes = 32 * 1024 * 1024
    """What they may weigh, roughly."""

    # Without effect; the first two with a warning.
    enable_dnssec: bool = False
    hosts: Raw = None
    sockets: Raw = None
    connections: Raw = None


class UpstreamSection(msgspec.Struct, frozen=True, kw_only=True):
    """``options.upstream``: when a server counts as down, and for how long (seconds)."""

    max_errors: Count = 4
    error_time: Seconds = 10.0
    revive_time: Seconds = 60.0

    # Without effect.
    lazy_resolve_time: Raw = None
    revive_jitter: Raw = None
    resolve_min_interval: Raw = None
    dns_timeout: Raw = None
    dns_retransmits: Raw = None


class OptionsSection(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``options``."""

    aliases: ClassVar[dict[str, str]] = {
        "local_networks": "local_addrs",
        "check_timeout": "task_timeout",
        "default_max_shots": "max_shots",
    }

    local_addrs: Raw = None
    """Addresses of ours: a list of networks, or a map."""
    check_local: bool = False
    check_authed: bool = False
    """What modules go by that have no ``check_local`` and ``check_authed`` of their own."""
    task_timeout: Annotated[float, Meta(gt=0)] = 8.0
    """Seconds for prefilters and filters of one letter; what follows may take as long again."""
    soft_reject_on_timeout: bool = False
    """A letter whose filters ran out of time is to come again."""
    check_all_filters: bool = False
    """Filters go on although the score is above all limits."""
    one_shot: bool = False
    """Each symbol counts once."""
    max_shots: Annotated[int, Meta(ge=1)] = 100
    """How often a symbol counts that does not say so itself."""
    max_message: Annotated[int, Meta(gt=0)] = 50 * 1024 * 1024
    """Bytes of a letter; a larger one is refused (the milter's ``on_oversize``)."""
    max_urls: Count = 10_240
    """Links kept of one letter."""
    max_recipients: Count = 1024
    """Recipients read of the request, and of each list in the header."""
    max_opts_len: Count = 4096
    """Bytes of all options of one symbol."""
    max_html_len: Bytes = 10 * 1024 * 1024
    """Of one part; what is beyond it is not parsed."""
    words_decay: Count = 600
    """Words of a part after which only some are kept."""
    check_text_attachements: bool = True  # sic: Rspamd's name
    """Attached text is text to look at, not only what is shown in the letter."""
    dns: DnsSection = DnsSection()
    dns_max_requests: Count = 64
    """Questions that one letter may ask."""
    upstream: UpstreamSection = UpstreamSection()
    gtube_patterns: Literal["reject", "all", "disabled"] = "reject"
    """Which test patterns count: the classic one, those of all actions, or none."""
    enable_test_patterns: bool = False
    """The old name for ``gtube_patterns = all``."""
    ignore_received: bool = False
    """A client that the MTA does not name is not looked for in Received."""
    map_watch_interval: Seconds = 300.0
    map_file_watch_multiplier: Annotated[float, Meta(gt=0)] = 0.1
    """Files of maps are looked at each ``map_watch_interval`` times this."""
    enable_shutdown_workaround: bool = True
    """Serve clients that shut their sending side after the request (old Exim)."""
    public_groups_only: bool = False
    """Replies show only groups that are ``public``."""
    explicit_modules: Names = []
    """Modules that are on without a section of their own."""

    # Without effect, with a warning.
    allow_raw_input: bool = True
    compat_messages: bool = False

    # Without effect: Rspamd's own, or what is always so here (addresses in UTF-8, one limit of
    # links for parser and rules, the list of public suffixes).
    allow_raw_headers: Raw = None
    cache_file: Raw = None
    classify_headers: Raw = None
    control_socket: Raw = None
    cores_dir: Raw = None
    disable_hyperscan: Raw = None
    disable_monitoring: Raw = None
    disable_pcre_jit: Raw = None
    dynamic_conf: Raw = None
    enable_css_parser: Raw = None
    enable_experimental: Raw = None
    enable_mime_utf: Raw = None
    events_backend: Raw = None
    filters: Raw = None
    heartbeat_interval: Raw = None
    history_file: Raw = None
    history_rows: Raw = None
    hs_cache_dir: Raw = None
    hs_cache_expire: Raw = None
    hs_cache_timeout: Raw = None
    hyperscan_cache_expire: Raw = None
    maps: Raw = None
    max_lua_urls: Raw = None
    max_pic: Raw = None
    max_sessions_cache: Raw = None
    max_word_len: Raw = None
    min_word_len: Raw = None
    neighbours: Raw = None
    pidfile: Raw = None
    raw_mode: Raw = None
    rrd: Raw = None
    ssl_ca_path: Raw = None
    ssl_ciphers: Raw = None
    stats_file: Raw = None
    tempdir: Raw = None
    temp_dir: Raw = None
    url_tld: Raw = None
    vectorized_hyperscan: Raw = None

    @property
    def test_patterns(self) -> Literal["reject", "all", "disabled"]:
        """Which GTUBE patterns count, by whichever of the two options says so."""
        return "all" if self.enable_test_patterns else self.gtube_patterns

    @property
    def map_poll(self) -> float:
        """Seconds between two looks at the files of maps."""
        return self.map_watch_interval * self.map_file_watch_multiplier


class WorkerTimeout(msgspec.Struct, frozen=True):
    """What of a section ``worker`` is about scans; the rest is about listeners."""

    task_timeout: Annotated[float, Meta(gt=0)] | None = None


def read_options(config: Configuration, problems: Problems) -> OptionsSection:
    """The section ``options``; a worker's own ``task_timeout`` goes before the one in it.

    What is asked for in vain is a warning in ``problems``.
    """
    section = config.section("options")
    options = bind(OptionsSection, section, "options", problems)
    _name_vain(options, section, problems)
    for name, worker in config.named("worker"):
        if name == "normal":
            # Mistakes in it are named by who reads the whole section.
            own = bind(WorkerTimeout, worker, "", Problems(), ignored=list(worker)).task_timeout
            options = options if own is None else structs.replace(options, task_timeout=own)
    return options


def _name_vain(options: OptionsSection, section: Object, problems: Problems) -> None:
    written = section.get("dns")
    dns = written if isinstance(written, Object) else Object()
    for place, key, asked, why in (
        (section, "allow_raw_input", not options.allow_raw_input, RAW_INPUT),
        (section, "compat_messages", options.compat_messages, COMPAT_MESSAGES),
        (dns, "enable_dnssec", options.dns.enable_dnssec, DNSSEC),
        (dns, "hosts", options.dns.hosts is not None, HOSTS),
    ):
        if asked:
            name = f"options.dns.{key}" if place is dns else f"options.{key}"
            problems.warning(place.place(key), f"{name}: ignored, {why}")
