# SPDX-License-Identifier: Apache-2.0
"""SPF, DKIM, ARC and DMARC as protocol libraries: usable without the scanner, DNS passed in."""

from gatepost.authn.arc_seal import DEFAULT_ARC_HEADERS, NewArcSet, has_sealed, seal_arc
from gatepost.authn.arc_set import ArcReason, ArcSet, ChainStatus
from gatepost.authn.arc_verify import ArcVerdict, verify_arc
from gatepost.authn.authres import (
    AuthenticationResults,
    MethodResult,
    Property,
    build_result,
    find_own,
    parse_authentication_results,
)
from gatepost.authn.authres_format import format_authentication_results
from gatepost.authn.dkim_header_list import DEFAULT_SIGN_HEADERS, SignHeaders
from gatepost.authn.dkim_key_cache import KeyCache, KeyMemory
from gatepost.authn.dkim_key_record import KeyProblem, KeyRecord, parse_key_record
from gatepost.authn.dkim_keygen import GeneratedKey, generate_key, write_record
from gatepost.authn.dkim_keys import PrivateKey, load_private_key
from gatepost.authn.dkim_own_key import PublishedKeys, has_signed
from gatepost.authn.dkim_private_keys import PrivateKeys
from gatepost.authn.dkim_sign import SigningOptions, sign_dkim
from gatepost.authn.dkim_signature import BadSignature, DkimSignature, parse_signature
from gatepost.authn.dkim_verify import DkimVerdict, VerifyOptions, verify_dkim
from gatepost.authn.dmarc import (
    DkimIdentity,
    DmarcResult,
    DmarcVerdict,
    SpfIdentity,
    check_dmarc,
    evaluate_dmarc,
    to_method_result,
)
from gatepost.authn.dmarc_destinations import Destinations, verify_destinations
from gatepost.authn.dmarc_mail import build_report_mail, choose_destinations
from gatepost.authn.dmarc_record import (
    Discovery,
    DmarcRecord,
    discover_policy,
    organizational_domain,
    parse_dmarc_record,
)
from gatepost.authn.dmarc_report import (
    AggregateReport,
    Override,
    ReportRow,
    build_row,
    compress_report,
    report_file_name,
    report_xml,
)
from gatepost.authn.dmarc_uri import ReportUri, parse_report_uri, parse_report_uris
from gatepost.authn.errors import AuthnError, PrivateKeyError, SigningError
from gatepost.authn.letter import Letter, shared_letter
from gatepost.authn.outcomes import Reason, Result
from gatepost.authn.spf import SpfResult, check_spf
from gatepost.authn.spf_check import SpfLimits
from gatepost.authn.spf_record import SpfRecordCache
from gatepost.authn.statements import Client, state_arc, state_dkim, state_results, state_spf

__all__ = [
    "DEFAULT_ARC_HEADERS",
    "DEFAULT_SIGN_HEADERS",
    "AggregateReport",
    "ArcReason",
    "ArcSet",
    "ArcVerdict",
    "AuthenticationResults",
    "AuthnError",
    "BadSignature",
    "ChainStatus",
    "Client",
    "Destinations",
    "Discovery",
    "DkimIdentity",
    "DkimSignature",
    "DkimVerdict",
    "DmarcRecord",
    "DmarcResult",
    "DmarcVerdict",
    "GeneratedKey",
    "KeyCache",
    "KeyMemory",
    "KeyProblem",
    "KeyRecord",
    "Letter",
    "MethodResult",
    "NewArcSet",
    "Override",
    "PrivateKey",
    "PrivateKeyError",
    "PrivateKeys",
    "Property",
    "PublishedKeys",
    "Reason",
    "ReportRow",
    "ReportUri",
    "Result",
    "SignHeaders",
    "SigningError",
    "SigningOptions",
    "SpfIdentity",
    "SpfLimits",
    "SpfRecordCache",
    "SpfResult",
    "VerifyOptions",
    "build_report_mail",
    "build_result",
    "build_row",
    "check_dmarc",
    "check_spf",
    "choose_destinations",
    "compress_report",
    "discover_policy",
    "evaluate_dmarc",
    "find_own",
    "format_authentication_results",
    "generate_key",
    "has_sealed",
    "has_signed",
    "load_private_key",
    "organizational_domain",
    "parse_authentication_results",
    "parse_dmarc_record",
    "parse_key_record",
    "parse_report_uri",
    "parse_report_uris",
    "parse_signature",
    "report_file_name",
    "report_xml",
    "seal_arc",
    "shared_letter",
    "sign_dkim",
    "state_arc",
    "state_dkim",
    "state_results",
    "state_spf",
    "to_method_result",
    "verify_arc",
    "verify_destinations",
    "verify_dkim",
    "write_record",
]
