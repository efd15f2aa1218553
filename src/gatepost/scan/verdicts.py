# SPDX-License-Identifier: Apache-2.0
"""What was this message, roughly? The five words that ratelimit and reputation learn from.

Source: direction-modules reference §0.3, "Verdict".
"""

from __future__ import annotations

from typing import Literal

from gatepost.scan.result import Result

RoughVerdict = Literal["passthrough", "spam", "junk", "ham", "uncertain"]


def rough_verdict(result: Result) -> RoughVerdict:
    """``passthrough`` when a module decided; else by action and by how many symbols agree."""
    if result.pre_results:
        return "passthrough"
    verdict = result.verdict()
    action = verdict.action.name
    positive = sum(found.score > 0 for found in result.visible())
    negative = sum(found.score < 0 for found in result.visible())
    if action == "reject" and positive > 1:
        return "spam"
    if action == "no action" and (verdict.score < 0 or negative > 3):
        return "ham"
    if action in ("add header", "rewrite subject") and positive > 2:
        return "junk"
    return "uncertain"
