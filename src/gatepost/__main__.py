# SPDX-License-Identifier: Apache-2.0
"""``python -m gatepost`` is the command ``gatepost``."""

import sys

from gatepost.cli import main

if __name__ == "__main__":
    sys.exit(main())
