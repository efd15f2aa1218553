# SPDX-License-Identifier: Apache-2.0
"""What of the MTA's words and macros becomes which request header of the scan?

Macros are kept by the stage they came with. Those of CONNECT and HELO hold for the
connection (HELO's are replaced after STARTTLS); those of MAIL and later end with the
message, so that nobody inherits the user who logged in before him.

Source: core reference §8.2, §8.5, §5.7.
"""

from __future__ import annotations

from ipaddress import ip_address

import msgspec

from gatepost.serve.milter.letter import Letter
from gatepost.serve.milter.messages import Connect, Helo, Macros
from gatepost.serve.milter.options import MilterOptions
from gatepost.serve.reply import RequestHeaders

CONNECTION_STAGES = (Connect.code, Helo.code)


class Client(msgspec.Struct):
    """Who talks to the MTA: what CONNECT and HELO told. Empty means unknown."""

    hostname: str = ""
    address: str = ""
    """An IP literal, or the path of a UNIX socket."""
    helo: str = ""


class MacroTable:
    """The macros that are in force. Names come without braces."""

    __slots__ = ("_connection", "_last", "_message")

    def __init__(self) -> None:
        self._connection: dict[bytes, dict[str, str]] = {}
        self._message: dict[str, str] = {}
        self._last: Macros | None = None

    def take(self, macros: Macros) -> None:
        """Macros for the next command."""
        if macros == self._last:  # Postfix repeats the queue id before every header
            return
        self._last = macros
        if macros.stage in CONNECTION_STAGES:
            self._connection[macros.stage] = macros.values()
        else:
            self._message.update(macros.values())

    def end_message(self) -> None:
        """Forgets what came with MAIL or later."""
        self._message = {}
        self._last = None

    def end_connection(self) -> None:
        self._connection = {}
        self.end_message()

    def find(self, *names: str) -> str:
        """The first of these macros that has a value; the newest one where it was repeated."""
        for name in names:
            value = self._message.get(name)
            if value:
                return value
            for stage in reversed(CONNECTION_STAGES):
                value = self._connection.get(stage, {}).get(name)
                if value:
                    return value
        return ""

    def find_in_message(self, name: str) -> str:
        """A macro that came with this message; one of the connection does not count."""
        return self._message.get(name, "")


def read_client(connect: Connect) -> Client:
    """The client of a CONNECT. Families without an address, and what is none, have none."""
    hostname = "" if connect.hostname == "unknown" else connect.hostname
    address = connect.address
    if connect.family in "46":
        if address[:5].lower() == "ipv6:":
            address = address[5:]
        try:
            ip_address(address)
        except ValueError:  # "unknown", when the client went before the MTA could ask
            address = ""
    return Client(hostname=hostname, address=address)


def request_headers(
    client: Client, letter: Letter, macros: MacroTable, options: MilterOptions, *, session: str = ""
) -> RequestHeaders:
    """The scan request for a message. ``session`` names the connection in the log."""
    find = macros.find
    headers: RequestHeaders = [("Flags", "milter,body_block")]
    name = find("client_name")
    _add(headers, "Hostname", client.hostname or ("" if name == "unknown" else name))
    _add(headers, "IP", client.address)
    _add(headers, "Helo", client.helo)
    queue_id = find("i")
    _add(headers, "Queue-Id", queue_id)
    _add(headers, "User", _user(macros, options))
    _add(headers, "Settings-ID", find("settings_id"))
    _add(headers, "MTA-Name", find("daemon_name", "j"))
    _add(headers, "User-Agent", find("v"))
    _add(headers, "TLS-Cipher", find("cipher"))
    _add(headers, "TLS-Version", find("tls_version"))
    _add(headers, "TLS-Cert-Issuer", find("cert_issuer"))
    _add(headers, "Mailer", find("rcpt_mailer"))
    tag = {"session": session, "queue_id": queue_id}.get(options.log_tag_type, "")
    _add(headers, "Log-Tag", tag)
    _add_envelope(headers, letter)
    return headers


def _add(headers: RequestHeaders, name: str, value: str) -> None:
    if value:
        headers.append((name, value))


def _add_envelope(headers: RequestHeaders, letter: Letter) -> None:
    if letter.sender is not None:
        headers.append(("From", _path(letter.sender)))
        for argument in letter.sender_arguments:
            headers.append(("X-Rspamd-Mail-Esmtp-Args", argument))
    for index, (address, arguments) in enumerate(letter.recipients):
        headers.append(("Rcpt", _path(address)))
        for argument in arguments:
            headers.append(("X-Rspamd-Rcpt-Esmtp-Args", f"{index}:{argument}"))


def _path(address: str) -> str:
    # Postfix's sendmail(1) gives addresses bare; in brackets a comma is no separator.
    return address if address.startswith("<") else f"<{address}>"


def _user(macros: MacroTable, options: MilterOptions) -> str:
    user = macros.find_in_message("auth_authen")
    if user or not options.client_ca_name:
        return user
    if macros.find("cert_issuer") != options.client_ca_name:
        return ""
    # Sendmail names issuer and subject of a certificate that failed its check, too.
    return "" if macros.find("verify") not in ("", "OK") else macros.find("cert_subject")
