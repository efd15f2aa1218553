# SPDX-License-Identifier: Apache-2.0
"""What each way of writing a rate means, and the names its buckets are stored under."""

from __future__ import annotations

import pytest

from gatepost.config import Problems
from gatepost.modules.ratelimit.limits import BucketOptions, Factors, Limit
from gatepost.modules.ratelimit.rates import Rate, RateReader
from gatepost.scan.maps import MapLibrary
from gatepost.scan.zbase32 import hashed
from gatepost.ucl import Loader, Object

WORDS = {word: lambda task: "x" for word in ("user", "ip", "to", "from")}
SHIPPED = Factors(1.01, 0.99, 1.02, 0.98, 5.0, 10.0)


def read(text: str, *, dynamic: bool = False) -> tuple[list[Rate], list[str]]:
    """The rates of ``rates { text }``, and what is wrong with it."""
    problems = Problems()
    tree = Loader({}, environment={}).parse(f"rates {{\n{text}\n}}", "test.conf")
    reader = RateReader(WORDS, SHIPPED, problems, MapLibrary(None, problems), dynamic=dynamic)
    rates = reader.read(tree["rates"], tree)
    places = [p.where.line if p.where else 0 for p in problems.errors]
    return rates, [f"{line}: {p.message}" for line, p in zip(places, problems.errors, strict=True)]


def limits(text: str) -> list[tuple[float, float]]:
    rates, wrong = read(text)
    assert not wrong
    return [(limit.burst, limit.rate) for rate in rates for limit in rate.limits]


@pytest.mark.parametrize(
    "text, expected",
    [
        ('user { bucket { burst = 100; rate = "10 / 1m"; } }', [(100, 1 / 6)]),
        ("user { bucket { burst = 100; rate = 0.5; } }", [(100, 0.5)]),
        ('user { bucket { burst = "1k"; rate = "1k / 2d"; } }', [(1000, 1000 / 172_800)]),
        ("user { burst = 5; rate = 1; }", [(5, 1)]),  # without `bucket` around it
        (
            "user { bucket = [{ burst = 2; rate = 1; }, { burst = 30; rate = 0.1; }] }",
            [(2, 1), (30, 0.1)],
        ),
        (
            "user { bucket { burst = 2; rate = 1; } bucket { burst = 30; rate = 0.1; } }",
            [(2, 1), (30, 0.1)],
        ),
        ("user = [20, 0.25];", [(20, 0.25)]),
        ('user = "30 / 1h";', [(30, 30 / 3600)]),
        ('user { bucket = "30 / 1h"; selector = "user"; }', [(30, 30 / 3600)]),
        ('user { bucket = [20, 0.25]; selector = "user"; }', [(20, 0.25)]),
        ('user = "2 / 1s"; user_ip = "3 / 1s";', [(2, 2), (3, 3)]),
    ],
)
def test_every_form_of_a_rate(text: str, expected: list[tuple[float, float]]) -> None:
    assert limits(text) == [pytest.approx(one) for one in expected]


@pytest.mark.parametrize(
    "text, prefixes",
    [
        ("user = [10, 1];", ["10000:"]),
        ("user = [3, 1];", ["33333:"]),
        ("user = [200001, 1];", ["0:"]),
        ("user = [40, 1];", ["2500:"]),
        ("user = [66667, 1];", ["1:"]),  # rounded, not cut
        ('user { bucket = [10, 0.25]; selector = "user"; }', ["10000:0.25:"]),
        ('user { bucket = "10 / 1m"; selector = "user"; }', ["10000:0.16666666666667:"]),
        # two of one burst do not share a bucket, as they would in Rspamd
        (
            "user { bucket [ { burst = 10; rate = 1; }, { burst = 10; rate = 2; } ] }",
            ["10000:", "10000:2:"],
        ),
    ],
)
def test_a_key_begins_with_the_burst(text: str, prefixes: list[str]) -> None:
    (rate,), _ = read(text)
    assert [limit.prefix for limit in rate.limits] == prefixes


# The second to the fourth are what Rspamd 3.4 wrote; tests/wire/test_ratelimit_rspamd.py looks.
@pytest.mark.parametrize(
    "burst, values, stored",
    [
        (100_000, ["anna"], ["RLhjakab"]),
        (10, ["anna", "anna"], ["RLps3jnw76e3"]),
        (33, ["a.quite.long.address@example.org"], ["RLee55pjo15hye6r1jazq1t8za"]),
        (33, ["ä@example.org"], ["RL4b8tfnmpfg9cr3kuqcg"]),
        (33, ["\ud800"], ["RL" + hashed("3030:\ud800", 8)]),  # as broken UTF-7 may have it
    ],
)
def test_the_name_of_a_bucket_is_as_long_as_its_key_up_to_24(
    burst: float, values: list[str], stored: list[str]
) -> None:
    limit = Limit(burst, 1, f"{round(100_000 / burst)}:", BucketOptions())
    rate = Rate("user", (limit,), lambda task: values, True)
    assert rate.keys(limit, values, "RL") == stored


@pytest.mark.parametrize(
    "bucket, dynamic, factors",
    [
        ("", False, Factors(1, 1, 1, 1, 5, 10)),
        ("", True, SHIPPED),
        ("ham_factor_rate = 1.5;", False, Factors(1.5, 1, 1, 1, 5, 10)),
        ("ham_factor_rate = 1.5;", True, Factors(1.5, 0.99, 1.02, 0.98, 5, 10)),
        ("spam_factor_burst = 0.5; max_rate_mult = 2;", False, Factors(1, 1, 1, 0.5, 2, 10)),
        ("max_bucket_mult = 3;", False, Factors(1, 1, 1, 1, 5, 3)),
    ],
)
def test_factors_of_a_bucket_go_before_those_of_the_module(
    bucket: str, dynamic: bool, factors: Factors
) -> None:
    (rate,), _ = read(f"user {{ bucket {{ burst = 1; rate = 1; {bucket} }} }}", dynamic=dynamic)
    (limit,) = rate.limits
    assert limit.factors == factors
    assert limit.dynamic is (dynamic or "factor" in bucket)


def test_every_mistake_is_named_at_once_and_the_rest_is_read() -> None:
    rates, wrong = read(
        """user = [1, 1];
        user_of = [1, 1];
        ip { bucket {
            burst = many;
            rate = 1;
        } }
        to { bucket = [{ burst = 1; rate = 1; }, 7] }
        from { selector = "nothing(1)"; bucket { burst = 1; rates = 1; } }"""
    )
    assert [rate.name for rate in rates] == ["user"]
    assert [line.split(": expected")[0].split("; ")[0] for line in wrong] == [
        "3: ratelimit.rates.user_of: `of` is no keyword",
        "5: ratelimit.rates.ip.burst",
        "8: ratelimit.rates.to",
        "9: ratelimit.rates.from.selector",
        "9: ratelimit.rates.from.bucket.rates: unknown key",
        "9: ratelimit.rates.from.rate",
    ]


@pytest.mark.parametrize("value", [None, Object()])
def test_no_rates_are_none(value: Object | None) -> None:
    problems = Problems()
    reader = RateReader(WORDS, SHIPPED, problems, MapLibrary(), dynamic=False)
    assert reader.read(value, Object()) == []
    assert not problems.all
