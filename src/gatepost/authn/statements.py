# SPDX-License-Identifier: Apache-2.0
"""What was found about a letter, as the statements of an Authentication-Results field.

RFC 8601 2.7, in the manner of Rspamd. Both the field of that name and ARC-Authentication-Results
(RFC 8617 4.1.1) are made of them.

Source: direction-modules reference §19.3.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

import msgspec

from gatepost.authn.arc_verify import ArcVerdict
from gatepost.authn.authres import MethodResult, build_result
from gatepost.authn.dkim_verify import DkimVerdict
from gatepost.authn.dmarc import DmarcVerdict, to_method_result
from gatepost.authn.spf import SpfResult

SPF_WORDS = {
    "pass": "domain of {sender} designates {ip} as permitted sender",
    "fail": "domain of {sender} does not designate {ip} as permitted sender",
    "softfail": "{ip} is probably not a permitted sender of {sender}",
    "neutral": "domain of {sender} does not say whether {ip} may send",
    "none": "domain of {sender} has no SPF record",
    "temperror": "the SPF record of {sender} could not be looked up",
    "permerror": "the SPF record of {sender} is wrong",
}


class Client(msgspec.Struct, frozen=True):
    """Who gave us the letter, as far as statements name it: empty is unknown, or not to be told.

    ``mail_from`` is the envelope sender's address, ``user`` the name that was logged in with,
    ``authenticated`` whether anybody did.
    """

    ip: str = ""
    helo: str = ""
    mail_from: str = ""
    user: str = ""
    authenticated: bool = False


def state_results(
    found: Mapping[str, object], client: Client, *, authserv_id: str = ""
) -> list[MethodResult]:
    """The statements that ``found`` allows, by its ``dkim`` (a list of verdicts), ``spf``,
    ``dmarc`` and ``arc``; what is not there was not checked, and nothing is said of it."""
    return list(find_statements(found, client, authserv_id))


def find_statements(
    found: Mapping[str, object], client: Client, authserv_id: str
) -> Iterator[MethodResult]:
    """As :func:`state_results`, one by one."""
    dkim = found.get("dkim")
    if isinstance(dkim, list):
        verdicts = [verdict for verdict in dkim if isinstance(verdict, DkimVerdict)]
        yield from map(state_dkim, verdicts)
        if not verdicts:
            yield MethodResult("dkim", "none")
    spf = found.get("spf")
    if isinstance(spf, SpfResult):
        yield state_spf(spf, client, authserv_id)
    dmarc = found.get("dmarc")
    if isinstance(dmarc, DmarcVerdict):
        yield to_method_result(dmarc)
    arc = found.get("arc")
    if isinstance(arc, ArcVerdict) and arc.status != "none":
        yield state_arc(arc)
    # RFC 8601 2.7.4: of a bounce there is nobody to authenticate
    if client.authenticated and client.mail_from:
        properties = {"smtp_auth": client.user} if client.user else {}
        yield build_result("auth", "pass", **properties, smtp_mailfrom=client.mail_from)


def state_dkim(verdict: DkimVerdict) -> MethodResult:
    """``dkim=…`` of one signature; ``header.b`` tells those of one domain apart (RFC 6008)."""
    properties = {}
    if verdict.domain:
        properties["header_d"] = verdict.domain
    if verdict.selector:
        properties["header_s"] = verdict.selector
    if verdict.signature is not None:
        properties["header_b"] = base64.b64encode(verdict.signature.signature[:6]).decode()
    comment = f"{verdict.reason} {verdict.detail}".rstrip() if verdict.reason else ""
    return build_result("dkim", verdict.result, comment=comment, **properties)


def state_spf(result: SpfResult, client: Client, authserv_id: str = "") -> MethodResult:
    """``spf=…`` with a comment that says who was asked about whom."""
    by_sender = result.identity == "mailfrom"
    sender = (client.mail_from if by_sender else client.helo) or result.domain
    if not sender:  # a bounce of a client that said no name
        return build_result("spf", result.result, comment=result.problem)
    comment = SPF_WORDS[result.result].format(sender=sender, ip=client.ip or "the client")
    if authserv_id:
        comment = f"{authserv_id}: {comment}"
    name = "smtp_mailfrom" if by_sender else "smtp_helo"
    return build_result("spf", result.result, comment=comment, **{name: sender})


def state_arc(chain: ArcVerdict) -> MethodResult:
    """``arc=…`` with the last hop, or what is wrong."""
    newest = chain.newest
    if chain.passed and newest is not None:
        seal = newest.seal
        comment = f"{seal.domain}:s={seal.selector}:i={newest.instance}"
    else:
        comment = f"{chain.reason}: {chain.detail}" if chain.reason else ""
    return build_result("arc", chain.status, comment=comment)
