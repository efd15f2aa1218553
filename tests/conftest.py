# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: a loaded machine fails no property, only a wrong answer does.

On a developer's machine each run draws other examples; in CI all runs draw the same, so that a
change is judged by what it changed.
"""

import os

from hypothesis import settings

settings.register_profile("gatepost", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("gatepost")
