# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: a loaded machine fails no property, only a wrong answer does.

On a developer's machine each run draws other examples; in CI all runs draw the same, so that a
change is judged by what it changed.
"""

import os

from hypothesis import settings

settings.register_profile("gatepost", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("gatepost")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names cases of many bytes by their argument: an archive holds the time it was made, and
    processes that run tests together have to agree on their names."""
    return argname if isinstance(val, bytes) and len(val) > 32 else None
