# SPDX-License-Identifier: Apache-2.0
"""Buckets and settlements that cannot be reckoned with are refused where they are made."""

import pytest

from gatepost.store import Bucket, Settlement

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "change",
    [
        *({"rate": -1}, {"rate": INF}, {"rate": NAN}, {"burst": -1}, {"burst": NAN}),
        *({"amount": -1}, {"amount": INF}, {"amount": NAN}),
    ],
)
def test_a_bucket_has_sensible_numbers(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="RLkey"):
        Bucket("RLkey", **{"burst": 10.0, "rate": 1.0, **change})


@pytest.mark.parametrize("name", ["rate_factor", "burst_factor", "max_rate_mult", "max_burst_mult"])
@pytest.mark.parametrize("value", [0, -1, INF, NAN])
def test_a_settlement_has_sensible_factors(name: str, value: float) -> None:
    with pytest.raises(ValueError, match="RLkey"):
        Settlement(Bucket("RLkey", 10, 1), True, **{name: value})
