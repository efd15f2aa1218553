# SPDX-License-Identifier: Apache-2.0
"""Where is the state kept: which options does ``redis.conf`` have?

The names are Rspamd's. Without ``servers`` everything is in an SQLite file.
"""

from typing import Annotated, ClassVar

import msgspec


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``redis``.

    ``servers``: ``host``, ``host:port``, ``[v6]:port`` or ``/path`` of a socket; an upstream
    strategy in front (``master-slave:``) and a weight behind are accepted. The first of
    ``write_servers`` (else of ``servers``) takes all writes; reads go to ``read_servers``
    in their order, else to where writes go, and to the next one only when one is down: a
    replica may lag. ``timeout`` is in seconds and for a whole operation, connecting included;
    one that has to look for its server anew may take that once more.

    ``sentinels`` (port 5000 if none is given, as in Rspamd) name the server to write to and its
    replicas: that of their masters that is called ``sentinel_master_name`` or matches
    ``sentinel_masters_pattern``, else the only one. They are asked every
    ``sentinel_watch_time`` seconds and after ``sentinel_master_maxerrors`` failures;
    ``servers`` are used only until one has answered.

    With ``cluster`` the ``servers`` are nodes of a Redis Cluster, by which the others are found.
    """

    aliases: ClassVar[dict[str, str]] = {
        "server": "servers",
        "dbname": "db",
        "database": "db",
    }

    servers: list[str] = []
    read_servers: list[str] = []
    write_servers: list[str] = []
    username: str | None = None
    password: str | None = None
    db: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    ssl: bool = False
    ssl_ca: str | None = None
    ssl_ca_dir: str | None = None
    ssl_cert: str | None = None
    ssl_key: str | None = None
    no_ssl_verify: bool = False
    sentinels: list[str] = []
    sentinel_master_name: str | None = None
    sentinel_masters_pattern: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    sentinel_watch_time: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    sentinel_master_maxerrors: Annotated[int, msgspec.Meta(ge=0)] = 0
    cluster: bool = False
