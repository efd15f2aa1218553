# SPDX-License-Identifier: Apache-2.0
"""The section ``redis``, and what of it modules of Rspamd repeat in their own sections.

Rspamd lets each module have a Redis of its own; here all state is in one place.
"""

from __future__ import annotations

from gatepost.config import Configuration, Problems, bind
from gatepost.store import StoreError, StoreSettings, open_store
from gatepost.ucl import Object

MODULE_KEYS = (
    *("servers", "server", "read_servers", "write_servers", "username", "password"),
    *("db", "dbname", "database", "redis", "timeout", "expand_keys", "redis_version"),
    *("sentinels", "sentinel_master_name", "sentinel_username", "sentinel_password"),
    *("sentinel_watch_time", "sentinel_masters_pattern", "sentinel_master_maxerrors", "cluster"),
)
"""Options by which a module of Rspamd chooses a Redis of its own."""
SERVER_KEYS = ("servers", "server", "write_servers", "read_servers", "sentinels", "cluster")
NEEDLESS_KEYS = ("disabled_modules", "expand_keys", "prefix", "redis_version")
"""Options of Rspamd's section `redis` that mean nothing to one store for all modules."""


def read_redis(config: Configuration, problems: Problems) -> StoreSettings:
    """Where the state is kept; mistakes and what means nothing here go to ``problems``."""
    section = config.section("redis")
    ignored = [
        key for key, value in section.items() if key in NEEDLESS_KEYS or isinstance(value, Object)
    ]
    settings = bind(StoreSettings, section, "redis", problems, ignored=ignored)
    for key in ignored:
        message = "ignored: all modules keep their state in one place"
        problems.warning(section.place(key), f"redis.{key}: {message}")
    try:
        open_store(settings, folder=config.state)  # connects to nothing
    except StoreError as error:
        named = [key for key in SERVER_KEYS if key in section]
        where = section.place(named[0]) if named else section.where
        problems.error(where, str(error))
    return settings
