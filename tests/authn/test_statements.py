# SPDX-License-Identifier: Apache-2.0
"""What is said of a letter, word for word, and that it stays one field whatever is in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authn_dkim import LETTERS, NOW, RSA, ZONE, add_field, letter
from gatepost.authn import (
    ArcReason,
    ArcVerdict,
    Client,
    DkimVerdict,
    Letter,
    Reason,
    SpfResult,
    discover_policy,
    evaluate_dmarc,
    format_authentication_results,
    parse_authentication_results,
    seal_arc,
    sign_dkim,
    state_results,
    verify_arc,
    verify_dkim,
)

ANNA = Client(ip="192.0.2.1", helo="mx.a.example", mail_from="anna@a.example")
PLACE = ("football.example.com", "test")


def written(found, client=ANNA, authserv_id="mx.here.example"):
    results = state_results(found, client, authserv_id=authserv_id)
    return format_authentication_results(authserv_id, results, newline="").replace("\t", " ")


@pytest.mark.parametrize(
    "found, text",
    [
        ({}, "none"),
        ({"dkim": []}, "dkim=none"),
        ({"dkim": "of somebody else"}, "none"),
        (
            {"dkim": [DkimVerdict("permerror", Reason.KEY_REVOKED, domain="a.example")]},
            "dkim=permerror (key revoked) header.d=a.example",
        ),
        (
            {"dkim": [DkimVerdict("permerror", Reason.SIGNATURE_SYNTAX, "at 7")]},
            "dkim=permerror (signature syntax error at 7)",
        ),
        (
            {"spf": SpfResult("pass", "a.example", "mailfrom")},
            "spf=pass (mx.here.example: domain of anna@a.example designates 192.0.2.1 as"
            " permitted sender) smtp.mailfrom=anna@a.example",
        ),
        (
            {"spf": SpfResult("none", "mx.a.example", "helo")},
            "spf=none (mx.here.example: domain of mx.a.example has no SPF record)"
            " smtp.helo=mx.a.example",
        ),
        ({"arc": ArcVerdict("none")}, "none"),
        (
            {"arc": ArcVerdict("fail", ArcReason.SEAL, "i=2: signature did not verify")},
            "arc=fail (seal did not verify: i=2: signature did not verify)",
        ),
    ],
)  # fmt: skip
def test_each_verdict_has_its_words(found, text):
    assert written(found) == f"mx.here.example; {text}"


@pytest.mark.parametrize("result", ["fail", "softfail", "neutral", "temperror", "permerror"])
def test_every_result_of_spf_can_be_said(result):
    found = {"spf": SpfResult(result, "a.example", "mailfrom")}
    parsed = parse_authentication_results(written(found).encode())
    assert [(r.method, r.result) for r in parsed.results] == [("spf", result)]
    assert "192.0.2.1" in parsed.results[0].comment or "SPF record" in parsed.results[0].comment


async def test_a_signature_is_told_apart_by_its_first_characters():
    value = sign_dkim(letter(), RSA, *PLACE, now=NOW)
    signed = Letter.from_bytes(add_field("DKIM-Signature", value, LETTERS["plain"]))
    verdicts = await verify_dkim(signed, ZONE, now=NOW)
    start = "".join(value.rpartition("b=")[2].split())[:8]
    [said] = parse_authentication_results(written({"dkim": verdicts}).encode()).results
    assert (said.result, said.value("header", "b")) == ("pass", start)


async def test_a_chain_is_named_by_its_last_hop():
    chain = await verify_arc(letter(), ZONE, now=NOW)
    new = seal_arc(letter(), RSA, *PLACE, chain=chain, results="x; none", now=NOW)
    raw = add_field("ARC-Authentication-Results", new.results, LETTERS["plain"])
    raw = add_field("ARC-Message-Signature", new.message, raw)
    sealed = Letter.from_bytes(add_field("ARC-Seal", new.seal, raw))
    chain = await verify_arc(sealed, ZONE, now=NOW)
    assert written({"arc": chain}).endswith("arc=pass (football.example.com:s=test:i=1)")


def test_a_bounce_of_a_client_without_a_name_has_no_property():
    found = {"spf": SpfResult("none", "", "helo", problem="no domain")}
    assert written(found, Client()).endswith("; spf=none (no domain)")


async def test_dmarc_is_said_as_its_own_statement():
    verdict = evaluate_dmarc(await discover_policy(ZONE, "a.example"), None, (), 0)
    assert " dmarc=none " in written({"dmarc": verdict})


@pytest.mark.parametrize(
    "client, text",
    [
        (Client(mail_from="a@b.example"), "none"),
        (
            Client(mail_from="a@b.example", user="anna", authenticated=True),
            "auth=pass smtp.auth=anna smtp.mailfrom=a@b.example",
        ),
        (
            Client(mail_from="a@b.example", authenticated=True),
            "auth=pass smtp.mailfrom=a@b.example",
        ),
        (Client(user="anna", authenticated=True), "none"),
    ],
)
def test_a_user_is_named_only_where_that_is_wanted(client, text):
    assert written({}, client) == f"mx.here.example; {text}"


@given(st.text(max_size=60), st.text(max_size=60))
def test_hostile_names_stay_inside_their_statement(sender, user):
    client = Client(ip="192.0.2.1", mail_from=sender, user=user, authenticated=True)
    found = {"spf": SpfResult("fail", "a.example", "mailfrom"), "dkim": []}
    parsed = parse_authentication_results(written(found, client).encode())
    expected = ["dkim", "spf", "auth"] if sender else ["dkim", "spf"]
    assert [result.method for result in parsed.results] == expected
