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
    replica may lag. ``timeout`` is in seconds and for a whole operation, connecting included.
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
