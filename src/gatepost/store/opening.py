# SPDX-License-Identifier: Apache-2.0
"""Which backend do these settings ask for?"""

from pathlib import Path

from gatepost.store.base import Store
from gatepost.store.settings import StoreSettings
from gatepost.store.sqlite import SqliteStore

FILE_NAME = "state.sqlite"


def open_store(settings: StoreSettings, *, folder: Path) -> Store:
    """Redis if ``servers`` or ``sentinels`` are named, else ``state.sqlite`` in ``folder``.

    Connects to nothing yet: that happens on first use, in the process that uses it. Raises
    `StoreError` for servers that cannot be understood.
    """
    if settings.servers or settings.write_servers or settings.sentinels or settings.cluster:
        # importing redis takes as long as the rest of a start
        from gatepost.store.redis import RedisStore

        return RedisStore(settings)
    return SqliteStore(folder / FILE_NAME)
