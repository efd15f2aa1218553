# SPDX-License-Identifier: Apache-2.0
"""What can become of a signature: results and reasons, in the words of RFC 8601 and RFC 6376."""

from enum import StrEnum
from typing import Literal

Result = Literal["none", "pass", "fail", "policy", "neutral", "temperror", "permerror"]
"""RFC 8601 2.7.1."""


class Reason(StrEnum):
    """Why a result is no pass. Phrases are those of RFC 6376 6.1 where it has one."""

    SIGNATURE_SYNTAX = "signature syntax error"
    TAG_MISSING = "signature missing required tag"
    VERSION = "incompatible version"
    ALGORITHM = "unsupported algorithm"
    CANONICALIZATION = "unsupported canonicalization"
    QUERY_METHOD = "unsupported query method"
    DOMAIN_MISMATCH = "domain mismatch"
    FROM_UNSIGNED = "From field not signed"
    EXPIRED = "signature expired"
    IN_FUTURE = "signature is from the future"
    TOO_MANY = "too many signatures"
    KEY_UNAVAILABLE = "key unavailable"
    KEY_MISSING = "no key for signature"
    KEY_SYNTAX = "key syntax error"
    KEY_REVOKED = "key revoked"
    KEY_SERVICE = "inapplicable key"
    KEY_ALGORITHM = "inappropriate key algorithm"
    KEY_HASH = "inappropriate hash algorithm"
    KEY_SIZE = "unacceptable key size"
    BODY_LENGTH = "body is shorter than signed"
    BODY_HASH = "body hash did not verify"
    SIGNATURE = "signature did not verify"
    WEAK_ALGORITHM = "historic algorithm"
    UNSIGNED_FIELD = "field occurs more often than signed"
    UNSIGNED_TEXT = "too much of the body is not signed"
