# SPDX-License-Identifier: Apache-2.0
"""State shared by workers and nodes: one `Store`, kept by SQLite or by Redis."""

from gatepost.store.averaging import Window
from gatepost.store.base import Store
from gatepost.store.bucket import Bucket, BucketState, Settlement
from gatepost.store.errors import StoreError
from gatepost.store.housekeeping import keep_house, owner_name, purge_all
from gatepost.store.opening import open_store
from gatepost.store.settings import StoreSettings

__all__ = [
    "Bucket",
    "BucketState",
    "Settlement",
    "Store",
    "StoreError",
    "StoreSettings",
    "Window",
    "keep_house",
    "open_store",
    "owner_name",
    "purge_all",
]
