# SPDX-License-Identifier: Apache-2.0
"""Who need not wait, and what those are told who must."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config import ConfigError
from gatepost.modules.greylist import Greylist
from gatepost.testing import build_app
from greylist_kit import NEW, SHIPPED, UNTIL, bench, hits, letter

# --- who need not wait --------------------------------------------------------------------

IPS = 'whitelisted_ip = "203.0.113.0/24";'
HOSTS = 'whitelist_domains_url = ["example.com", "mail.example.co.uk"];'
SYMBOLS = "whitelist_symbols = [TRUSTED];"


@pytest.mark.parametrize(
    "options, sent, found",
    [
        (IPS, letter(), {}),
        (HOSTS, letter(hostname="mx.example.com"), {"GREYLIST": ["pass", "meta"]}),
        (HOSTS, letter(hostname="mail.example.co.uk"), {"GREYLIST": ["pass", "meta"]}),
        (SYMBOLS, letter(wish="trust"), {"TRUSTED": []}),
        ("", letter(request={"Flags": "greylist_whitelisted"}), {}),
    ],
)
async def test_who_is_known_need_not_wait(options, sent, found) -> None:
    async with bench(options) as one:
        result = await one.scan(sent)
        assert (result.action, hits(result)) == ("no action", found)
        assert result.task.result.messages == {}


@pytest.mark.parametrize("hostname", [None, "mx.example.net", "www.example.co.uk", "example"])
async def test_other_hosts_wait(hostname) -> None:
    async with bench(HOSTS) as one:
        assert (await one.scan(letter(hostname=hostname))).action == "soft reject"


async def test_settings_can_say_that_nobody_waits() -> None:
    rule = (
        'our { priority = high; ip = "203.0.113.7"; apply { flags = ["greylist_whitelisted"]; } }'
    )
    async with bench(core=f"{SHIPPED} settings {{ {rule} }}") as one:
        assert (await one.scan(letter())).action == "no action"
        assert (await one.scan(letter(ip="203.0.113.8"))).action == "soft reject"


async def test_hosts_may_stand_in_the_shipped_files(tmp_path: Path) -> None:
    maps = tmp_path / "local.d" / "maps.d"
    maps.mkdir(parents=True)
    (maps / "greylist-whitelist-domains.inc").write_text("# friends\nexample.com\n")
    shipped = Path("src/gatepost/data/sections/greylist.conf").read_text()
    async with bench(shipped, folder=tmp_path) as one:
        assert (await one.scan(letter(hostname="mx.example.com"))).action == "no action"
        assert (await one.scan(letter(hostname="mx.example.net"))).action == "soft reject"


# --- what is said -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, action, message",
    [
        ("", "soft reject", "Try again later"),
        ('message = "Come back";', "soft reject", "Come back"),
        ("report_time = true;", "soft reject", f"Try again later: {UNTIL}"),
        ("action = greylist;", "greylist", "Try again later"),
        ("timeout = 1h; report_time = 1;", "soft reject", None),
    ],
)
async def test_the_reply_is_configured(options, action, message) -> None:
    expected = message or "Try again later: Thu, 01 Jan 2026 01:00:00 GMT"
    async with bench(options) as one:
        result = await one.scan(letter())
    assert result.action == action
    assert result.task.result.messages == {"smtp_message": expected}


@pytest.mark.parametrize(
    "source, message",
    [
        (
            "def text(task, until): return f'{task.sender.addr}: {until}'",
            f"alice@example.org: {UNTIL}",
        ),
        ("def text(task): return 'one argument too few'", "Try again later"),
    ],
)
async def test_the_text_may_come_from_python(tmp_path: Path, source, message) -> None:
    (tmp_path / "texts.py").write_text(source)
    async with bench('message_func = "texts.py:text";', folder=tmp_path) as one:
        result = await one.scan(letter())
    assert result.task.result.messages == {"smtp_message": message}


@pytest.mark.parametrize(
    "options, complaint",
    [
        ("action = rejekt;", "expected an action"),
        ('message_func = "return function(task) end";', "expected FILE.py:FUNCTION"),
        ("ipv4_mask = 33;", "ipv4_mask"),
        ("ipv6_mask = 129;", "ipv6_mask"),
        ("timeout = soon;", "timeout"),
        ('whitelisted_ip = "https://example.org/list";', "whitelisted_ip"),
    ],
)
def test_mistakes_are_named(options, complaint) -> None:
    with pytest.raises(ConfigError, match=complaint):
        build_app([Greylist], config=f"greylist {{ {options} }}")


async def test_the_symbol_can_be_renamed() -> None:
    async with bench('symbol = "WAIT";') as one:
        assert hits(await one.scan(letter())) == {"WAIT": NEW["GREYLIST"]}
