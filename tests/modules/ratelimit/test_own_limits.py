# SPDX-License-Identifier: Apache-2.0
"""Who has limits of his own, by a map that may change while we run."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.config import ConfigError
from gatepost.modules.ratelimit import Ratelimit
from gatepost.modules.ratelimit.limits import BucketOptions, Limit
from gatepost.modules.ratelimit.own_limits import OwnLimits
from gatepost.scan.maps import MapLibrary
from gatepost.store import Store
from gatepost.testing import Bench, build_app, mail

USUAL = Limit(2, 1 / 60, "50000:", BucketOptions(message="usual"))
SECOND = Limit(9, 1 / 60, "11111:", BucketOptions(message="second"))
HOUR, DAY = 3600, 86_400


def own(lines: list[str], usual: tuple[Limit, ...] = (USUAL, SECOND)) -> OwnLimits:
    opened = MapLibrary().open(lines, kind="hash")
    assert opened is not None
    return OwnLimits(opened, usual, with_rate=False)


@pytest.mark.parametrize(
    "text, buckets",
    [
        ("500, 1000 / 1h", [(500, 1000 / HOUR)]),
        ("1000 / 1h", [(1000, 1000 / HOUR)]),
        ("1k,2k/1d", [(1000, 2000 / DAY)]),
        ("50, 100 / 1h; 300, 300 / 1d", [(50, 100 / HOUR), (300, 300 / DAY)]),
        (
            "50, 100 / 1h; 300, 300 / 1d; 1k, 1k / 7d",
            [(50, 100 / HOUR), (300, 300 / DAY), (1000, 1000 / (7 * DAY))],
        ),
        ("unlimited", []),
        ("Unlimited", []),
    ],
)
def test_a_line_says_how_much_and_how_fast(text: str, buckets: list[tuple[float, float]]) -> None:
    limits = own([f"anna {text}"]).of("anna", None, None)  # type: ignore[arg-type]  # unused
    assert limits is not None
    assert [(limit.burst, limit.rate) for limit in limits] == [pytest.approx(b) for b in buckets]
    # what they have besides is that of the usual bucket at their place, or of the first
    expected = ["usual", "second", "usual"][: len(buckets)]
    assert [limit.options.message for limit in limits] == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "500",
        "500,",
        ", 5 / 1h",
        "5, 5",
        "0, 5 / 1h",
        "5, 0 / 1h",
        "much",
        "5, 5 / 1h;",
        "unlimited; 5 / 1h",
        ";".join(["5/1h"] * 17),
    ],
)
def test_what_is_no_limit_is_named_by_configtest(text: str) -> None:
    with pytest.raises(ConfigError, match=r"rates\.user\.limits: `anna`: expected `BURST, N / T`"):
        build_app(
            [Ratelimit],
            config=f"""ratelimit {{ rates {{ user {{
            bucket {{ burst = 1; rate = 1; }} limits = ["anna {text}"]; }} }} }}""",
        )


@given(st.text(max_size=60))
@settings(max_examples=150)
def test_no_text_is_a_limit_without_sense(text: str) -> None:
    found = own([])._parse(text)
    assert found is None or all(limit.burst > 0 and limit.rate > 0 for limit in found)


LINES = [
    "anna@example.org 3 / 1d",
    "@big.example 4 / 1d",
    "boss@big.example unlimited",
    "203.0.113.9 5 / 1d",
]


async def passed(rate: str, store: Store, **more: object) -> int:
    """How many of eight letters are not held up; the usual burst is 2."""
    limits = ", ".join(f'"{line}"' for line in LINES)
    config = f"""ratelimit {{ rates {{ {rate} {{
        bucket {{ burst = 2; rate = "2 / 1d"; }} limits = [{limits}]; }} }} }}"""
    async with Bench([Ratelimit], config=config, store=store) as bench:
        actions = [(await bench.scan(mail(**more))).action for _ in range(8)]  # type: ignore[arg-type]
    return actions.count("no action")


@pytest.mark.parametrize(
    "rate, letter, count",
    [
        ("user", {"user": "carol@example.org"}, 2),
        ("user", {"user": "anna@example.org"}, 3),
        ("user", {"user": "Anna@Example.org"}, 3),
        ("user", {"user": "x@big.example"}, 4),
        ("user", {"user": "x@sub.big.example"}, 2),
        ("user", {"user": "boss@big.example"}, 8),
        ("user", {"user": "anna"}, 2),
        ("user_to", {"user": "anna@example.org"}, 3),  # by the user, where he is part of the rate
        ("ip", {"ip": "203.0.113.9"}, 5),  # by whatever the rate is of
        ("ip", {"ip": "203.0.113.8"}, 2),
        ("to", {"rcpt": "anna@example.org"}, 3),
    ],
)
async def test_the_map_names_who_has_other_limits(store: Store, rate, letter, count) -> None:
    assert await passed(rate, store, **letter) == count


async def test_two_users_of_one_line_have_a_bucket_each(store: Store) -> None:
    assert await passed("user", store, user="x@big.example") == 4
    assert await passed("user", store, user="y@big.example") == 4
    assert await passed("user", store, user="x@big.example") == 0


async def test_the_map_is_followed_and_a_mistake_in_it_leaves_the_usual_limit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = tmp_path / "limits.map"
    lines.write_text("# user, and what he may send\nanna 3 / 1d\n")
    config = f"""ratelimit {{ rates {{ user {{ bucket {{ burst = 1; rate = "1 / 1d"; }}
        limits = "{lines}"; }} }} }}"""
    letter = mail(user="anna")
    async with Bench([Ratelimit], config=config) as bench:
        assert [(await bench.scan(letter)).action for _ in range(4)][2:] == [
            "no action",
            "soft reject",
        ]
        lines.write_text("anna  6, 6 / 1d\n")
        bench.app.maps.refresh()
        assert (await bench.scan(letter)).action == "no action"
        lines.write_text("anna much\n")
        bench.app.maps.refresh()
        with caplog.at_level(logging.ERROR, "gatepost.task"):
            actions = [(await bench.scan(letter)).action for _ in range(2)]
    assert actions == ["no action", "soft reject"]
    assert "expected `BURST, N / T`" in caplog.text
