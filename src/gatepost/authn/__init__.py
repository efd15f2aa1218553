# SPDX-License-Identifier: Apache-2.0
"""SPF, DKIM, ARC and DMARC as protocol libraries: usable without the scanner, DNS passed in."""

from gatepost.authn.spf import SpfLimits, SpfResult, check_spf
from gatepost.authn.spf_record import SpfRecordCache

__all__ = [
    "SpfLimits",
    "SpfRecordCache",
    "SpfResult",
    "check_spf",
]
