# SPDX-License-Identifier: Apache-2.0
"""The sections ``worker "…" { }``: which listeners there are, and with what options.

Rspamd has kinds of processes; Gatepost has one kind that serves all listeners. So a section says
where to listen and how; how many processes there are says ``worker-normal`` alone.

Source: core reference §10.1 and §10.2.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from gatepost.config import Configuration, Count, Problems, Raw, bind
from gatepost.serve.milter import MilterOptions
from gatepost.ucl import Object

PositiveSeconds = Annotated[float, Meta(gt=0)]
NORMAL, PROXY, CONTROLLER = "normal", "rspamd_proxy", "controller"
ELSEWHERE = ("fuzzy", "hs_helper")


class WorkerSection(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker section takes. Limits of processes are the service manager's."""

    aliases: ClassVar[dict[str, str]] = {"bind_addr": "bind_socket", "trusted_ips": "secure_ip"}

    bind_socket: list[str] = []
    """Where to listen; see ``parse_bind``."""
    count: int | None = None
    """Processes, of worker-normal; none or 0: as many as cores."""
    enabled: bool = True
    ssl_cert: str | None = None
    ssl_key: str | None = None
    max_connections: Count = 0
    """Of a milter listener, as the next one; a scan port has ``max_tasks``."""
    max_connections_per_source: Count = 0

    # Without effect.
    secure_ip: Raw = None
    keypair: Raw = None
    max_files: Raw = None
    max_core: Raw = None
    rlimit_nofile: Raw = None
    rlimit_maxcore: Raw = None
    type: Raw = None


class NormalSection(WorkerSection, frozen=True, kw_only=True):
    """``worker "normal"``: the scan port. See ``ScanPortOptions``; times in seconds."""

    settings_id: str = ""
    timeout: PositiveSeconds = 60.0
    task_timeout: PositiveSeconds | None = None
    """Goes before that of ``options``; see ``read_options``."""
    max_tasks: Count = 0
    max_header_bytes: Count = 256 * 1024
    mime: bool = True

    # Without effect, with a warning.
    encrypted_only: Raw = None
    allow_file_and_shm_inputs: Raw = None


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """``upstream "…" { }`` of a proxy. Only whose mail it is matters: we scan it ourselves."""

    default: bool = False
    disabled: bool = False
    self_scan: bool = True
    settings_id: str = ""
    hosts: Raw = None
    name: Raw = None
    key: Raw = None
    compression: Raw = None
    ssl: Raw = None
    keepalive: Raw = None
    local: Raw = None
    timeout: Raw = None
    extra_headers: Raw = None
    log_tag: Raw = None
    parser: Raw = None
    token_bucket: Raw = None


class ProxySection(WorkerSection, frozen=True, kw_only=True):
    """``worker "rspamd_proxy"``: the milter port, or with ``milter = no`` one more scan port."""

    milter: bool = True
    upstream: dict[str, Upstream] = {}
    discard_on_reject: bool = False
    quarantine_on_reject: bool = False
    spam_header: str = "X-Spam"
    reject_message: str = "Spam message rejected"
    tempfail_message: str = "Try again later"
    quarantine_message: str = "Spam message quarantined"
    client_ca_name: str = ""
    log_tag_type: str = "session"
    on_failure: str = "tempfail"
    on_oversize: str = "reject"

    # Without effect: they are about servers behind the proxy. The first two get a warning.
    mirror: Raw = None
    script: Raw = None
    max_retries: Raw = None
    task_timeout: Raw = None
    timeout: Raw = None

    @property
    def settings_id(self) -> str:
        """The id of the default upstream; a milter session never chooses another."""
        offered = [one for one in self.upstream.values() if not one.disabled]
        default = [one for one in offered if one.default] or offered
        return default[0].settings_id if default else ""


MILTER_KEYS = (
    *("discard_on_reject", "quarantine_on_reject", "spam_header", "reject_message"),
    *("tempfail_message", "quarantine_message", "client_ca_name", "log_tag_type"),
    *("on_failure", "on_oversize", "max_connections", "max_connections_per_source"),
)
"""Options of a proxy that a milter listener takes as they are."""


class Workers(msgspec.Struct):
    """All worker sections, with the place of each for messages."""

    normal: list[tuple[Object, NormalSection]] = []
    proxy: list[tuple[Object, ProxySection]] = []
    count: int | None = None


def read_workers(config: Configuration, problems: Problems) -> Workers:
    """Reads every ``worker`` section; those of processes that Gatepost has not are named."""
    workers = Workers()
    for name, section in config.named("worker"):
        if name == NORMAL:
            normal = bind(NormalSection, section, "worker.normal", problems)
            workers.normal.append((section, normal))
            _name_refused(section, normal, problems)
            if normal.count is not None and normal.enabled:
                workers.count = normal.count
        elif name == PROXY:
            proxy = bind(ProxySection, section, "worker.rspamd_proxy", problems)
            workers.proxy.append((section, proxy))
            _name_ignored(section, proxy, problems)
        elif name == CONTROLLER:
            pass  # its options are read by the controller
        elif name in ELSEWHERE:
            problems.warning(section.where, f"worker `{name}`: Gatepost has none, section ignored")
        else:
            known = ", ".join((NORMAL, PROXY, CONTROLLER))
            problems.error(section.where, f"worker `{name}`: expected one of {known}")
    return workers


def milter_options(proxy: ProxySection, section: Object, problems: Problems) -> MilterOptions:
    """The options of a milter listener. Words that are not among the choices are reported."""
    chosen = Object({key: section[key] for key in MILTER_KEYS if key in section})
    chosen.marks.update(section.marks)
    options = bind(MilterOptions, chosen, "worker.rspamd_proxy", problems)
    return msgspec.structs.replace(options, settings_id=proxy.settings_id)


REFUSED = {
    "encrypted_only": "Gatepost does not speak Rspamd's encryption; use TLS (`… ssl`)",
    "keypair": "Gatepost does not speak Rspamd's encryption; use TLS (`… ssl`)",
    "allow_file_and_shm_inputs": "Gatepost reads no files for its clients",
}


def _name_refused(section: Object, normal: NormalSection, problems: Problems) -> None:
    for key, why in REFUSED.items():
        if getattr(normal, key):
            problems.warning(section.place(key), f"worker.normal.{key}: ignored, {why}")
    _name_unbounded(section, normal, "worker.normal", problems)


def _name_unbounded(section: Object, worker: WorkerSection, path: str, problems: Problems) -> None:
    """A scan port that is thought to be bounded, and is not."""
    for key in ("max_connections", "max_connections_per_source"):
        if getattr(worker, key):
            message = f"{path}.{key}: ignored, it bounds milter listeners; see `max_tasks`"
            problems.warning(section.place(key), message)


def _name_ignored(section: Object, proxy: ProxySection, problems: Problems) -> None:
    if not proxy.milter:
        _name_unbounded(section, proxy, "worker.rspamd_proxy", problems)
    if proxy.count is not None:
        problems.warning(
            section.place("count"),
            "worker.rspamd_proxy.count: ignored, `count` of worker-normal sets how many there are",
        )
    for key in ("mirror", "script"):
        value: Any = getattr(proxy, key)
        if value is not None:
            problems.warning(
                section.place(key), f"worker.rspamd_proxy.{key}: ignored, Gatepost has none"
            )
    for name, upstream in proxy.upstream.items():
        hosts = str(upstream.hosts or "localhost")
        if not upstream.disabled and not hosts.startswith(("localhost", "127.", "::1", "/")):
            problems.warning(
                section.place("upstream"),
                f"worker.rspamd_proxy.upstream.{name}.hosts: ignored, Gatepost scans here itself",
            )
