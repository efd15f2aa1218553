# SPDX-License-Identifier: Apache-2.0
"""Under which name do we make statements about a letter? (RFC 8601 2.5)"""

from __future__ import annotations

import platform

from gatepost.scan.task import Task


def find_authserv_id(task: Task, host: str = "") -> str:
    """The name that this service gives itself: the MTA's own, else ``host``, else this machine's.

    Postfix's daemon name may be a word such as ``ORIGINATING``, which is no name of a host.
    """
    for header in ("MTA-Name", "MTA-Tag"):
        name = (task.envelope.header(header) or "").strip()
        if "." in name:
            return name
    return host or platform.node()
