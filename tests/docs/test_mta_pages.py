# SPDX-License-Identifier: Apache-2.0
"""Do the snippets for MTAs do in a real MTA what docs/postfix.md and its siblings say?"""

from __future__ import annotations

import configparser
import os
import re
import smtplib
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from gatepost.testing import mail
from gatepost_server import GatepostServer, run_gatepost
from letters import letter
from pages import Block, Page, Scanner
from running_process import WAIT, find_program
from servers_postfix import PostfixServer, needs_postfix, run_postfix
from servers_redis import find_free_port
from signing_keys import make_signing_keys

POSTFIX, OUTBOUND, CONFIGURATION, EXIM, HARAKA, SENDMAIL = (
    Page(f"docs/{name}.md")
    for name in ("postfix", "outbound", "configuration", "exim", "haraka", "sendmail")
)
IDS = "A settings id for some of the mail"
FILTERS = "Content filters that hand mail back"
BOUNCES = "Letters with an empty sender"
NAT = "Behind NAT or a load balancer"
OPEN = "check_client_access static:OK, reject"
MACHINES = {"smtpd_client_restrictions": "", "smtpd_relay_restrictions": OPEN}
"""For a listener without log-in."""


def parts(page: Page, name: str, heading: str | None = None) -> list[str]:
    """The texts for that file on a page."""
    blocks = [block for block in page.blocks if heading in (None, block.heading)]
    return [text for block in blocks for named, text in block.files if named == name]


def main_cf(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def master_cf(text: str) -> dict[str, str]:
    """The ``-o`` options of a service."""
    lines = re.findall(r"^  -o (.+)$", text, re.MULTILINE)
    pairs = (line.strip("{} ").split("=", 1) for line in lines)
    return {name.strip(): value.strip() for name, value in pairs}


Test = TypeVar("Test", bound=Callable[..., None])

# Postfix knows the parameters


@pytest.mark.skipif(find_program("postconf") is None, reason="postfix is not installed")
@pytest.mark.parametrize(
    ("file", "text"),
    [
        (name, text)
        for page in (Page("README.md"), POSTFIX, OUTBOUND, EXIM)
        for name in ("main.cf", "master.cf")
        for text in parts(page, name)
    ],
)
def test_postfix_knows_every_parameter(tmp_path: Path, file: str, text: str) -> None:
    files = {"main.cf": "compatibility_level = 3.6\n", "master.cf": ""}
    files[file] += text
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        # Postfix waits until a file is two seconds old, lest somebody still writes it.
        os.utime(tmp_path / name, (0, 0))
    command = [str(find_program("postconf")), "-c", str(tmp_path)]
    for option in ("-n", "-M", "-P"):
        done = subprocess.run([*command, option], capture_output=True, text=True, check=True)
        assert done.stderr == ""
    known = subprocess.run([*command, "-d"], capture_output=True, text=True, check=True).stdout
    given = main_cf(text) if file == "main.cf" else master_cf(text)
    assert given
    for name in given:
        # Not among the defaults that are printed, but of all services (postconf(5)).
        assert f"\n{name} =" in known or name.startswith("milter_macro_defaults"), name


# A Postfix with these listeners


@dataclass
class House:
    gatepost: GatepostServer
    postfix: PostfixServer
    users: Iterator[str]

    def submit(self, listener: str) -> str:
        """Sends a letter by that listener; the log line of its scan."""
        user = next(self.users)
        with self.postfix.submission(user, listener) as client:
            client.sendmail(user, ["bob@example.com"], letter(sender=user))
        return self.gatepost.process.wait_for(f"user: {user}")[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    second = str(find_free_port())
    signing, _ = make_signing_keys(folder, ["mail"])
    listener = CONFIGURATION.files("Workers and listeners")["rspamd.conf.local"]
    files = {
        **POSTFIX.files(IDS),
        "rspamd.conf.local": listener.replace("11342", second),
        "local.d/dkim_signing.conf": signing,
    }
    by_name, by_macro, by_port = (master_cf(text) for text in parts(POSTFIX, "master.cf", IDS))
    unchanged = next(iter(parts(OUTBOUND, "master.cf", FILTERS)))
    dead = f"inet:127.0.0.1:{find_free_port()}"
    listeners = {
        "by_name": by_name,
        "by_macro": by_macro,
        "by_port": {"smtpd_milters": by_port["smtpd_milters"].replace("11342", second)},
        "handed_back": {**MACHINES, **master_cf(unchanged)},
        "balancer": {**MACHINES, **master_cf(parts(OUTBOUND, "master.cf", NAT)[0])},
        **{
            f"dead_{action}": {"smtpd_milters": dead, "milter_default_action": action}
            for action in ("tempfail", "accept", "quarantine", "reject")
        },
    }
    main = main_cf(parts(OUTBOUND, "main.cf", BOUNCES)[0])
    users = [f"user{number}@example.org" for number in range(20)]
    with ExitStack() as stack:
        gatepost = stack.enter_context(run_gatepost(folder, files))
        main["non_smtpd_milters"] = gatepost.smtpd_milters
        postfix = stack.enter_context(
            run_postfix(gatepost.smtpd_milters, users=users, listeners=listeners, main=main)
        )
        yield House(gatepost, postfix, iter(users))


def with_postfix(test: Test) -> Test:
    """Marks a test that asks the house."""
    for mark in (*needs_postfix, pytest.mark.slow):
        test = mark(test)
    return test


@with_postfix
@pytest.mark.parametrize(
    ("listener", "chosen"),
    [
        ("submission", None),
        ("by_name", "submission"),
        ("by_macro", "outbound"),
        ("by_port", "outbound"),
    ],
)
def test_three_ways_choose_the_settings(house: House, listener: str, chosen: str | None) -> None:
    line = house.submit(listener)
    found = re.search(r"settings_id: (\S+)", line)
    assert (found[1].rstrip(",") if found else None) == chosen
    assert len(house.postfix.sink.next().header("DKIM-Signature")) == 1


@with_postfix
def test_what_a_filter_hands_back_is_not_scanned_again(house: House) -> None:
    before = house.gatepost.process.output.count("rspamd_task_write_log")
    port = house.postfix.ports["handed_back"]
    with smtplib.SMTP("127.0.0.1", port, timeout=WAIT) as client:
        client.sendmail("alice@example.org", ["bob@example.com"], letter())
    assert house.postfix.sink.next().header("DKIM-Signature") == []
    assert house.gatepost.process.output.count("rspamd_task_write_log") == before


@with_postfix
@pytest.mark.parametrize(("client", "signatures"), [("203.0.113.9", 0), ("10.1.2.3", 1)])
def test_the_address_before_the_balancer_makes_the_direction(
    house: House, client: str, signatures: int
) -> None:
    address = ("127.0.0.1", house.postfix.ports["balancer"])
    with socket.create_connection(address, timeout=WAIT) as connection:
        connection.sendall(f"PROXY TCP4 {client} 10.1.0.5 40000 25\r\n".encode())
        session = smtplib.SMTP(local_hostname="client.example.com")
        session.sock = connection
        session.getreply()
        session.sendmail("alice@example.org", ["bob@example.com"], letter())
        session.quit()
    assert len(house.postfix.sink.next().header("DKIM-Signature")) == signatures
    house.gatepost.process.wait_for(f"ip: {re.escape(client)}")


@with_postfix
def test_bounces_of_postfix_itself_are_signed(house: House) -> None:
    house.postfix.sink.replies["RCPT nobody@example.com"] = "550 5.1.1 unknown"
    with house.postfix.submission("user19@example.org") as client:
        client.sendmail("user19@example.org", ["nobody@example.com"], letter())
    bounce = house.postfix.sink.next()
    assert (bounce.sender, bounce.recipients) == ("", ("user19@example.org",))
    assert len(bounce.header("DKIM-Signature")) == 1


@with_postfix
@pytest.mark.parametrize(("action", "code"), [("tempfail", 4), ("reject", 5)])
def test_an_outage_is_an_error_for_who_sends(house: House, action: str, code: int) -> None:
    with (
        pytest.raises(smtplib.SMTPResponseException) as raised,
        house.postfix.submission("user18@example.org", f"dead_{action}") as client,
    ):
        client.sendmail("user18@example.org", ["bob@example.com"], letter())
    assert raised.value.smtp_code // 100 == code


@with_postfix
def test_accept_lets_mail_leave_unsigned(house: House) -> None:
    with house.postfix.submission("user18@example.org", "dead_accept") as client:
        client.sendmail("user18@example.org", ["bob@example.com"], letter())
    assert house.postfix.sink.next().header("DKIM-Signature") == []


@with_postfix
def test_quarantine_holds_mail_during_an_outage(house: House) -> None:
    with house.postfix.submission("user18@example.org", "dead_quarantine") as client:
        client.sendmail("user18@example.org", ["bob@example.com"], letter())
    assert "hold" in {one["queue_name"] for one in house.postfix.queue()}


# Exim


EXIM_PROGRAM = find_program("exim4")


@pytest.mark.skipif(EXIM_PROGRAM is None, reason="exim4 is not installed")
def test_exim_takes_the_router_and_the_transport(tmp_path: Path) -> None:
    router, transport = parts(EXIM, "exim.conf")
    config = tmp_path / "exim.conf"
    config.write_text(
        "primary_hostname = mx.example.org\ndomainlist local_domains = example.org\n"
        f"begin routers\n{router}begin transports\n{transport}"
    )
    command = [str(EXIM_PROGRAM), "-C", str(config)]
    subprocess.run([*command, "-bV"], check=True, capture_output=True)
    routed = subprocess.run(
        [*command, "-bt", "bob@example.com"], check=True, capture_output=True, text=True
    ).stdout
    assert "router = scanned, transport = to_scanner" in routed
    assert "127.0.0.1" in routed


async def test_the_user_in_exims_header_is_limited(tmp_path: Path) -> None:
    async with Scanner(tmp_path, [EXIM.files("Until then: a second hop")]) as scans:
        given = {"MTA-Name": "EXIM"}
        for number in range(51):
            user = {"X-Submitted-By": "Alice@example.org"}
            result = await scans.scan(mail(ip="127.0.0.1", headers=user, request=given))
            assert (result.action == "soft reject") is (number == 50)
        other = {"X-Submitted-By": "carol@example.org"}
        result = await scans.scan(mail(ip="127.0.0.1", headers=other, request=given))
        assert result.action == "no action"
        assert result.task.settings.remove_headers == {"X-Submitted-By": 0}
        stranger = await scans.scan(mail(ip="203.0.113.7", headers=other, request=given))
        assert not stranger.task.settings.remove_headers


# Haraka


PLUGIN_OPTIONS = {
    "DEFAULT": {"host", "port", "add_headers"},
    "check": {"authenticated", "relay", "private_ip", "local_ip"},
    "reject": {"authenticated"},
    "defer": {"error", "timeout"},
    "request": {"settings_id"},
}
"""Those of haraka-plugin-rspamd 1.6.1 that the page may use."""


@pytest.mark.parametrize("text", parts(HARAKA, "config/rspamd.ini"))
def test_the_plugins_file_has_only_its_options(text: str) -> None:
    parsed = configparser.ConfigParser(default_section="none", comment_prefixes=(";",))
    parsed.read_string(f"[DEFAULT]\n{text}")
    for section in parsed.sections():
        assert set(parsed[section]) <= PLUGIN_OPTIONS[section]
    assert any(parsed[section] for section in parsed.sections())


# Sendmail


CF = Path("/usr/share/sendmail/cf")


@pytest.mark.skipif(
    find_program("m4") is None or not CF.is_dir(), reason="m4 and sendmail-cf are not installed"
)
def test_sendmails_macros_make_the_filters_and_the_daemon(tmp_path: Path) -> None:
    pieces = [text.replace("dnl sendmail.mc\n", "") for text in parts(SENDMAIL, "sendmail.mc")]
    source = tmp_path / "sendmail.mc"
    head = f"include(`{CF}/m4/cf.m4')dnl\nOSTYPE(`linux')dnl\n"
    source.write_text(head + "".join(pieces) + "MAILER(`smtp')dnl\n")
    made = subprocess.run(
        ["m4", f"-D_CF_DIR_={CF}/", str(source)], check=True, capture_output=True, text=True
    ).stdout
    assert "\nO InputMailFilters=gatepost\n" in made
    assert "\nXgatepost, S=inet:11332@127.0.0.1, F=T" in made
    assert "\nXgatepost-news, S=inet:11342@127.0.0.1, F=T" in made
    assert "Name=NEWS, InputMailFilters=gatepost-news" in made
    assert "\nD{settings_id}newsletter\n" in made


@pytest.mark.parametrize(
    ("name", "request_headers", "chosen"),
    [
        ("NEWS", {}, ("news",)),
        ("MTA", {}, ()),
        ("MTA", {"Settings-ID": "newsletter"}, ("newsletter",)),
    ],
)
async def test_sendmails_daemon_or_macro_chooses_the_settings(
    tmp_path: Path, name: str, request_headers: dict[str, str], chosen: tuple[str, ...]
) -> None:
    async with Scanner(tmp_path, [SENDMAIL.files(IDS)]) as scans:
        result = await scans.scan(mail(request={"MTA-Name": name, **request_headers}))
        assert result.task.settings.names == chosen


def blocks_of(name: str) -> list[Block]:
    return [block for block in SENDMAIL.blocks for named, _ in block.files if named == name]


@pytest.mark.parametrize("block", blocks_of("sendmail.mc"), ids=str)
def test_m4_quotes_are_closed(block: Block) -> None:
    assert block.text.count("`") == block.text.count("'")
