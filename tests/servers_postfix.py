# SPDX-License-Identifier: Apache-2.0
"""How does a test get a Postfix of its own?

A whole instance in a temporary folder: own configuration, queue, data and accounts, its
ports free ones on loopback, the machine's own Postfix left alone. Mail comes in by

- ``smtp``: port 25's part, where XCLIENT lets the test say which address it comes from;
- ``submission``: log-in (Cyrus SASL, accounts in a sasldb) before anything else;
- further submission listeners by name, each with ``master.cf`` options of its own;
- ``sendmail``, the local command;

and everything that is accepted goes to one ``SmtpSink``.
"""

from __future__ import annotations

import json
import os
import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from running_process import WAIT, RunningProcess
from servers_redis import find_free_port
from smtp_sink import SmtpSink

PROGRAM = shutil.which("postfix")
ACCOUNTS = shutil.which("saslpasswd2")

if PROGRAM is None or ACCOUNTS is None:
    MISSING = "postfix and sasl2-bin are not installed"
elif os.geteuid() != 0:
    MISSING = "postfix runs only as root"
else:
    MISSING = ""

needs_postfix = [
    pytest.mark.server,
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]
"""Marks for a test that starts one: ``pytestmark = needs_postfix``."""

Options = Mapping[str, str]

INTERNAL_SERVICES = """
pickup    unix  n  -  n  1    1  pickup
cleanup   unix  n  -  n  -    0  cleanup
qmgr      unix  n  -  n  300  1  qmgr
rewrite   unix  -  -  n  -    -  trivial-rewrite
bounce    unix  -  -  n  -    0  bounce
defer     unix  -  -  n  -    0  bounce
trace     unix  -  -  n  -    0  bounce
flush     unix  n  -  n  -    0  flush
proxymap  unix  -  -  n  -    -  proxymap
smtp      unix  -  -  n  -    -  smtp
relay     unix  -  -  n  -    -  smtp
showq     unix  n  -  n  -    -  showq
error     unix  -  -  n  -    -  error
retry     unix  -  -  n  -    -  error
anvil     unix  -  -  n  -    1  anvil
scache    unix  -  -  n  -    1  scache
postlog   unix-dgram n - n -  1  postlogd
"""
SUBMISSION: Options = {
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
    "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
}
PASSWORD = "correct horse"


class PostfixServer:
    """A running Postfix; ``sink`` has what it delivered."""

    def __init__(
        self, folder: Path, process: RunningProcess, ports: Mapping[str, int], sink: SmtpSink
    ) -> None:
        self.folder = folder
        self.process = process
        self.ports = ports
        self.sink = sink

    @contextmanager
    def inbound(self, ip: str, *, name: str = "client.test") -> Iterator[smtplib.SMTP]:
        """An SMTP client without log-in that comes from ``ip``."""
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"], local_hostname=name) as client:
            client.ehlo()
            # The server greets again: to it, this is a new connection from there.
            assert client.docmd("XCLIENT", f"ADDR={ip} NAME={name}")[0] == 220
            client.ehlo()
            yield client

    @contextmanager
    def submission(self, user: str, listener: str = "submission") -> Iterator[smtplib.SMTP]:
        """An SMTP client that has logged in as ``user`` (with domain)."""
        with smtplib.SMTP("127.0.0.1", self.ports[listener]) as client:
            client.login(user, PASSWORD)
            yield client

    def sendmail(self, sender: str, recipients: Sequence[str], message: bytes) -> None:
        """Hands a message to the local command ``sendmail``."""
        command = ["sendmail", "-C", self._config, "-i", "-f", sender, "--", *recipients]
        subprocess.run(command, input=message, check=True, timeout=WAIT)

    def queue(self) -> list[dict[str, object]]:
        """What is in the queue, as ``postqueue -j`` prints it."""
        command = ["postqueue", "-c", self._config, "-j"]
        printed = subprocess.run(command, check=True, capture_output=True, timeout=WAIT).stdout
        return [json.loads(line) for line in printed.splitlines()]

    @property
    def _config(self) -> str:
        return str(self.folder / "etc")


@contextmanager
def run_postfix(
    milter: str,
    *,
    users: Sequence[str] = (),
    main: Options | None = None,
    listeners: Mapping[str, Options] | None = None,
) -> Iterator[PostfixServer]:
    """A Postfix whose listeners and ``sendmail`` ask ``milter`` (as in ``smtpd_milters``).

    ``users`` get an account with ``PASSWORD``; ``main`` goes into ``main.cf``; ``listeners``
    are further submission listeners with their ``-o`` options.
    """
    if MISSING:
        pytest.skip(MISSING)
    # Not pytest's tmp_path: no other user may enter that, and Postfix's daemons are one.
    with tempfile.TemporaryDirectory(prefix="postfix-") as name, SmtpSink() as sink:
        folder = Path(name)
        folder.chmod(0o755)
        services = {"smtp": {}, "submission": SUBMISSION}
        services |= {key: {**SUBMISSION, **given} for key, given in (listeners or {}).items()}
        ports = {service: find_free_port() for service in services}
        _write_config(folder, {**_main(folder, milter, sink), **(main or {})})
        _write_master(folder, {ports[key]: options for key, options in services.items()})
        _write_accounts(folder, users)
        process = _start(folder / "etc")
        try:
            process.wait_for("daemon started")
            yield PostfixServer(folder, process, ports, sink)
        finally:
            process.stop()


def _start(config: Path) -> RunningProcess:
    subprocess.run(["postfix", "-c", str(config), "check"], check=True, timeout=WAIT)
    where = ["postconf", "-c", str(config), "-h", "daemon_directory"]
    daemons = subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()
    # Not "postfix start": this master is our own child, and leads a group that has all of its own.
    return RunningProcess([f"{daemons}/master", "-c", str(config), "-s"])


def _main(folder: Path, milter: str, sink: SmtpSink) -> dict[str, str]:
    return {
        "compatibility_level": "3.6",
        "queue_directory": f"{folder}/queue",
        "data_directory": f"{folder}/data",
        "maillog_file": "/dev/stdout",
        "myhostname": "mta.example.org",
        "mydestination": "",
        "relay_domains": "example.org",
        "relayhost": sink.address,
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "alias_maps": "",
        "smtp_host_lookup": "native",
        "smtp_dns_support_level": "disabled",
        "smtpd_peername_lookup": "no",
        "smtpd_authorized_xclient_hosts": "127.0.0.1",
        "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_recipient_restrictions": "",
        "smtpd_sasl_type": "cyrus",
        # Tests connect as fast as they can.
        "smtpd_client_connection_rate_limit": "0",
        "smtpd_client_connection_count_limit": "0",
        "in_flow_delay": "0",
        "smtpd_milters": milter,
        "non_smtpd_milters": milter,
        "milter_default_action": "tempfail",
    }


def _write_config(folder: Path, main: Options) -> None:
    for part in ("etc/sasl", "queue", "data"):
        (folder / part).mkdir(parents=True)
    shutil.chown(folder / "data", "postfix", "postfix")
    text = "".join(f"{key} = {value}\n" for key, value in main.items())
    (folder / "etc/main.cf").write_text(text)
    # Postfix waits until the file is two seconds old, lest somebody still writes it.
    os.utime(folder / "etc/main.cf", (0, 0))


def _write_master(folder: Path, listeners: Mapping[int, Options]) -> None:
    lines = [INTERNAL_SERVICES]
    for port, options in listeners.items():
        lines.append(f"127.0.0.1:{port} inet n - n - 100 smtpd\n")
        lines += [f"  -o {{ {key} = {value} }}\n" for key, value in options.items()]
    (folder / "etc/master.cf").write_text("".join(lines))


def _write_accounts(folder: Path, users: Sequence[str]) -> None:
    # Where Debian's Postfix looks, whatever cyrus_sasl_config_path says.
    accounts = folder / "data/accounts"
    (folder / "etc/sasl/smtpd.conf").write_text(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"
        f"sasldb_path: {accounts}\n"
    )
    for user in users:
        name, _, realm = user.rpartition("@")
        command = ["saslpasswd2", "-p", "-c", "-f", str(accounts), "-u", realm, name]
        subprocess.run(command, input=PASSWORD, text=True, check=True, timeout=WAIT)
    if users:
        shutil.chown(accounts, "postfix", "postfix")
