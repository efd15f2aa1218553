# SPDX-License-Identifier: Apache-2.0
"""What does a message cost, and where does it go? ``make bench`` prints it; see docs/speed.md."""
