# SPDX-License-Identifier: Apache-2.0
"""Which sections does an Rspamd configuration have, that may have nothing here to take them?

An existing folder must be tried out without edits: a section that Rspamd knows and Gatepost does
not (yet) is named in a warning and left alone; a section that neither knows is a mistake.
"""

from __future__ import annotations

CORE = frozenset(
    (
        "actions",
        "composite",
        "composites",
        "group",
        "logging",
        "metric",
        "modules_extra",
        "options",
        "redis",
        "settings",
        "symbols",
        "worker",
    )
)
"""Sections that are no module's."""

RSPAMD = frozenset(
    (
        "aliases",
        "antivirus",
        "arc",
        "asn",
        "aws_s3",
        "bayes_expiry",
        "bimi",
        "chartable",
        "classifier",
        "clickhouse",
        "clustering",
        "contextal",
        "dcc",
        "dkim",
        "dkim_signing",
        "dmarc",
        "dynamic_conf",
        "elastic",
        "emails",
        "external_map",
        "external_relay",
        "external_services",
        "force_actions",
        "forged_recipients",
        "fuzzy_check",
        "fuzzy_storage",
        "gpt",
        "greylist",
        "hfilter",
        "history_redis",
        "hs_helper",
        "http_headers",
        "ip_score",
        "known_mids",
        "known_senders",
        "lang_detection",
        "lua",
        "lua_shape",
        "maillist",
        "maps_stats",
        "metadata_exporter",
        "metric_exporter",
        "mid",
        "milter_headers",
        "mime_types",
        "modules",
        "monitoring",
        "multimap",
        "mx_check",
        "neural",
        "once_received",
        "p0f",
        "phishing",
        "pyzor",
        "ratelimit",
        "razor",
        "rbl",
        "regexp",
        "replies",
        "reputation",
        "rspamd_update",
        "settings_redis",
        "spamassassin",
        "spamtrap",
        "spf",
        "statistic",
        "surbl",
        "trie",
        "url_redirector",
        "url_reputation",
        "url_suspect",
        "user_settings",
        "whitelist",
    )
)
"""Sections of Rspamd, whether or not a module here takes them."""

WORKERS = {
    "worker-normal": "normal",
    "worker-controller": "controller",
    "worker-proxy": "rspamd_proxy",
    "worker-fuzzy": "fuzzy",
    "worker-hs_helper": "hs_helper",
}
"""Files of ``local.d`` whose body is that of a worker, and the worker's name."""

TOP_LEVEL = ("groups", "statistic")
"""Files of ``local.d`` that name their sections themselves."""

NOT_MERGED = ("statistic", "classifier-bayes")
"""Files of ``local.d`` whose keys replace those that are shipped, as in ``override.d``."""

RENAMED = {"metrics": "metric", "classifier-bayes": "classifier"}
"""Files of ``local.d`` whose section is called otherwise."""

MAPS = ("greylist-whitelist-domains",)
"""Files of ``local.d`` that are no sections: shipped sections name them as their maps."""
