# SPDX-License-Identifier: Apache-2.0
"""SPF, DKIM, ARC and DMARC as protocol libraries: usable without the scanner, DNS passed in."""

from gatepost.authn.dkim_header_list import DEFAULT_SIGN_HEADERS, SignHeaders
from gatepost.authn.dkim_key_cache import KeyCache, KeyMemory
from gatepost.authn.dkim_key_record import KeyProblem, KeyRecord, parse_key_record
from gatepost.authn.dkim_keygen import GeneratedKey, generate_key, write_record
from gatepost.authn.dkim_keys import PrivateKey, load_private_key
from gatepost.authn.dkim_sign import SigningOptions, sign_dkim
from gatepost.authn.dkim_signature import BadSignature, DkimSignature, parse_signature
from gatepost.authn.dkim_verify import DkimVerdict, VerifyOptions, verify_dkim
from gatepost.authn.errors import AuthnError, PrivateKeyError, SigningError
from gatepost.authn.letter import Letter
from gatepost.authn.outcomes import Reason, Result
from gatepost.authn.spf import SpfResult, check_spf
from gatepost.authn.spf_check import SpfLimits
from gatepost.authn.spf_record import SpfRecordCache

__all__ = [
    "DEFAULT_SIGN_HEADERS",
    "AuthnError",
    "BadSignature",
    "DkimSignature",
    "DkimVerdict",
    "GeneratedKey",
    "KeyCache",
    "KeyMemory",
    "KeyProblem",
    "KeyRecord",
    "Letter",
    "PrivateKey",
    "PrivateKeyError",
    "Reason",
    "Result",
    "SignHeaders",
    "SigningError",
    "SigningOptions",
    "SpfLimits",
    "SpfRecordCache",
    "SpfResult",
    "VerifyOptions",
    "check_spf",
    "generate_key",
    "load_private_key",
    "parse_key_record",
    "parse_signature",
    "sign_dkim",
    "verify_dkim",
    "write_record",
]
