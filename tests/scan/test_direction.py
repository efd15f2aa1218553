# SPDX-License-Identifier: Apache-2.0
"""The policies in all four directions, with their overrides: DESIGN §4."""

from __future__ import annotations

import pytest

from gatepost.scan.direction import (
    ALL_DIRECTIONS,
    Adapt,
    DirectionPolicy,
    RunAlways,
    Skip,
    direction_of,
)

LOCAL_ON = {"check_local": True}
AUTHED_ON = {"check_authed": True}
BOTH_ON = {**LOCAL_ON, **AUTHED_ON}

SPF = Skip(local=True, authenticated=True)
ASN = Skip(local=True, override=("check_local",))
P0F = Skip(local=True, override=())
MX_CHECK = Skip(local=True, authenticated=True, override=())
HFILTER = Adapt("URL checks only", override=("check_local", "check_authed"))
RATELIMIT = Adapt("rates by user only", local="run")
DKIM_SIGNING = Adapt("signs", inbound="skip", override=("sign_local", "sign_authenticated"))
USERS_ONLY = Adapt("for users", inbound="skip", local="skip", authenticated="run")


@pytest.mark.parametrize(
    "policy, switches, inbound, local, authenticated, both",
    [
        (RunAlways(), {}, "run", "run", "run", "run"),
        (SPF, {}, "run", "skip", "skip", "skip"),
        (SPF, LOCAL_ON, "run", "run", "skip", "skip"),
        (SPF, AUTHED_ON, "run", "skip", "run", "skip"),
        (SPF, BOTH_ON, "run", "run", "run", "run"),
        (ASN, {}, "run", "skip", "run", "skip"),
        (ASN, LOCAL_ON, "run", "run", "run", "run"),
        (P0F, {}, "run", "skip", "run", "skip"),
        (MX_CHECK, {}, "run", "skip", "skip", "skip"),
        (HFILTER, {}, "run", "adapt", "adapt", "adapt"),
        (HFILTER, LOCAL_ON, "run", "run", "adapt", "adapt"),
        (HFILTER, AUTHED_ON, "run", "adapt", "run", "adapt"),
        (HFILTER, BOTH_ON, "run", "run", "run", "run"),
        (RATELIMIT, {}, "run", "run", "adapt", "adapt"),
        (DKIM_SIGNING, {}, "skip", "adapt", "adapt", "adapt"),
        (USERS_ONLY, {}, "skip", "skip", "run", "run"),
    ],
)
def test_what_happens_in_each_direction(
    policy: DirectionPolicy,
    switches: dict[str, bool],
    inbound: str,
    local: str,
    authenticated: str,
    both: str,
) -> None:
    found = {k: policy.ruling(d, switches).effect for k, d in ALL_DIRECTIONS.items()}
    assert found == {
        "inbound": inbound,
        "local": local,
        "authenticated": authenticated,
        "both": both,
    }


@pytest.mark.parametrize(
    "policy, switches, kind, because, option",
    [
        (SPF, {}, "local", "local", "check_local"),
        (SPF, {}, "authenticated", "authenticated", "check_authed"),
        (SPF, {}, "both", "authenticated", "check_authed"),
        (SPF, AUTHED_ON, "both", "local", "check_local"),
        (MX_CHECK, {}, "local", "local", None),
        (P0F, {}, "both", "local", None),
        (DKIM_SIGNING, {}, "inbound", "inbound", None),
        (USERS_ONLY, {}, "local", "local", None),
    ],
)
def test_who_is_skipped_is_told_why_and_what_would_change_it(
    policy: DirectionPolicy, switches: dict[str, bool], kind: str, because: str, option: str | None
) -> None:
    ruling = policy.ruling(ALL_DIRECTIONS[kind], switches)  # type: ignore[index]
    assert (ruling.effect, ruling.because, ruling.option) == ("skip", because, option)


@pytest.mark.parametrize(
    "local, authenticated, kind, outbound",
    [
        (False, False, "inbound", False),
        (True, False, "local", True),
        (False, True, "authenticated", True),
        (True, True, "both", True),
    ],
)
def test_either_fact_makes_a_message_outbound(
    local: bool, authenticated: bool, kind: str, outbound: bool
) -> None:
    direction = direction_of(local=local, authenticated=authenticated)
    assert (direction.kind, direction.outbound) == (kind, outbound)
    assert direction is ALL_DIRECTIONS[kind]  # type: ignore[index]
