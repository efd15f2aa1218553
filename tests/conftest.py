# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: a loaded machine fails no property, only a wrong answer does."""

from hypothesis import settings

settings.register_profile("gatepost", deadline=None)
settings.load_profile("gatepost")
