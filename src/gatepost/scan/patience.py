# SPDX-License-Identifier: Apache-2.0
"""How long may authentication wait for the DNS, so that what builds on it still has its time?

A sender's own zone answers as slowly as he likes. If SPF or DKIM took all the time of the letter
for it, DMARC would not run, and the forged author's policy would never be asked for. RFC 7208
4.6.4 asks for such a limit.
"""

from __future__ import annotations

from gatepost.config import OptionsSection

EVIDENCE = 0.6
"""The share of ``task_timeout`` for all questions of SPF, of DKIM, of ARC; they run together."""
DECISION = 0.2
"""The share for those that come after: the policy of DMARC, our own key."""


def evidence_time(core: OptionsSection) -> float:
    """Seconds that a check may wait whose verdict others need."""
    return core.task_timeout * EVIDENCE


def decision_time(core: OptionsSection) -> float:
    """Seconds that a check may wait that has waited for verdicts."""
    return core.task_timeout * DECISION
