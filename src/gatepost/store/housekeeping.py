# SPDX-License-Identifier: Apache-2.0
"""What must be done now and then, once for all processes that share a store.

Every worker of every node runs ``keep_house``; a lease in the store makes one of them do it.
When that one ends, another takes over as soon as its lease has run out.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket

from gatepost.store.base import Store
from gatepost.store.errors import StoreError

log = logging.getLogger("gatepost.housekeeper")

LEASE = "gatepost:housekeeper"
INTERVAL = 60.0  # seconds
STEP = 500  # keys: few enough that no scan waits for them


def owner_name() -> str:
    """A name that no other process has: host, process and a random number."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


async def keep_house(store: Store, owner: str, *, interval: float = INTERVAL) -> None:
    """Removes expired keys every ``interval`` seconds, for ever, while ``owner`` has the lease.

    A store that does not answer is asked again at the next turn. Cancel it to stop.
    """
    while True:
        await asyncio.sleep(interval)
        try:
            if await store.lease(LEASE, owner, 2 * interval):
                await purge_all(store)
        except StoreError as error:
            log.warning("the store cannot be tidied up now: %s", error)


async def purge_all(store: Store) -> int:
    """Removes every key that has expired, in small steps; says how many there were."""
    removed = 0
    while True:
        count = await store.purge(STEP)
        removed += count
        if count < STEP:
            return removed
        await asyncio.sleep(0)
