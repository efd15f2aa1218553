# SPDX-License-Identifier: Apache-2.0
"""The conditions of a settings rule: from what is written to a test on the task.

Each key of a rule gives one or more ``Matcher``: a name, under which an ``expression``
and ``explain`` speak of it, and a test. Nothing is parsed while a message is scanned.

Source: core reference §5.2. What is marked *[fix]* there is done right: literals are
compared in lower case on both sides, ``client_ip_map`` reads its own value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from gatepost.config import Problems
from gatepost.mail import Address
from gatepost.scan.envelope import IPAddress
from gatepost.scan.errors import ExpressionError
from gatepost.scan.maps import Map, MapLibrary
from gatepost.scan.regexps import Regexp, RegexpError, parse_regexp
from gatepost.scan.selectors import parse_selector
from gatepost.ucl import Object, Value, Where

Test = Callable[[Any], bool]  # takes a Task; typed loosely so that task.py stays above

MATCHER_KEYS = (
    "authenticated",
    "client_ip",
    "client_ip_map",
    "from",
    "from_mime",
    "header",
    "hostname",
    "ip",
    "ip_map",
    "local",
    "rcpt",
    "rcpt_mime",
    "request_header",
    "selector",
    "user",
)
ALIAS = str.maketrans({**dict.fromkeys(":-+&|>< ", "_"), "(": "[", ")": "]"})


@dataclass(frozen=True)
class Matcher:
    """One condition of a rule; ``kind`` is the key it came from, ``name`` says which one."""

    kind: str
    name: str
    test: Test

    def answers_to(self, atom: str) -> bool:
        """True when an expression's atom means this condition (by name or safe alias)."""
        return atom in (self.name, self.name.lower().translate(ALIAS)) or (
            atom.partition(":")[0] == self.kind
            and atom.lower().translate(ALIAS) == self.name.lower().translate(ALIAS)
        )


class MatcherReader:
    """Reads the conditions of one rule and reports what it cannot read."""

    def __init__(self, rule: Object, path: str, maps: MapLibrary, problems: Problems) -> None:
        self.rule = rule
        self.path = path
        self.maps = maps
        self.problems = problems

    def read(self) -> list[Matcher]:
        """All conditions, in the order written."""
        found: list[Matcher] = []
        for key in self.rule:
            if key in MATCHER_KEYS:
                found.extend(self._read_key(key, self.rule[key]))
        return found

    def _read_key(self, key: str, value: Value) -> list[Matcher]:
        if key in ("authenticated", "local"):
            # Present and truthy is a condition; `no` is as if the key were not there.
            return [Matcher(key, key, _TRUTHS[key])] if is_truthy(value) else []
        if key in ("header", "request_header"):
            return self._headers(key, value)
        if key == "selector":
            return self._selectors(value)
        test = {
            "ip": self._addresses_of_client,
            "client_ip": self._addresses_of_client,
            "ip_map": self._map_of_client,
            "client_ip_map": self._map_of_client,
            "hostname": self._hostname,
        }.get(key, self._mail_addresses)(key, value)
        return [Matcher(key, key, test)] if test is not None else []

    # The client's address

    def _addresses_of_client(self, key: str, value: Value) -> Test | None:
        read = _ip if key == "ip" else _peer
        networks, maps = [], []
        for item in self._strings(key, value):
            if item.startswith("map:"):
                maps.append(self._named_map(item, "radix", key))
                continue
            try:
                networks.append(ip_network(item.strip("[]"), strict=False))
            except ValueError:
                self._error(key, f"`{item}` is no address, network or map:NAME")
        lookups = [m for m in maps if m is not None]

        def test(task: Any) -> bool:
            address = read(task)
            if address is None:
                return False
            return any(address in network for network in networks) or any(
                str(address) in lookup for lookup in lookups
            )

        return test

    def _map_of_client(self, key: str, value: Value) -> Test | None:
        read = _ip if key == "ip_map" else _peer
        lookup = self.maps.open(value, kind="radix", where=self._place(key), name=self._name(key))
        if lookup is None:
            return None

        def test(task: Any) -> bool:
            address = read(task)
            return address is not None and str(address) in lookup

        return test

    # Addresses of mail

    def _mail_addresses(self, key: str, value: Value) -> Test | None:
        wanted = self._address_test(key, value)
        read = _ADDRESSES[key]
        return lambda task: any(wanted(address) for address in read(task))

    def _address_test(self, key: str, value: Value) -> Callable[[Address], bool]:
        full: set[str] = set()
        domains: set[str] = set()
        users: set[str] = set()
        regexps: list[Regexp] = []
        maps: list[Map] = []
        for item in self._strings(key, value):
            if item.startswith("map:"):
                found = self._named_map(item, "set", key)
                maps.extend([found] if found is not None else [])
            elif item.startswith("/"):
                regexps.extend(self._regexp(key, item))
            elif item.startswith("@"):
                domains.add(item[1:].lower())
            elif "@" in item:
                full.add(item.lower())
            else:
                users.add(item.lower())

        def test(address: Address) -> bool:
            addr = address.addr.lower()
            domain = address.domain.lower()
            if addr in full or (domain and domain in domains) or address.user.lower() in users:
                return True
            if any(r.test(addr) or r.test(address.addr) for r in regexps):
                return True
            return any(
                addr in lookup or (domain and (domain in lookup or "@" + domain in lookup))
                for lookup in maps
            )

        return test

    # Host names, headers, selectors

    def _hostname(self, key: str, value: Value) -> Test | None:
        tests = [self._string_test(key, item) for item in self._strings(key, value)]
        return lambda task: any(test(task.hostname or "") for test in tests)

    def _string_test(self, key: str, item: str) -> Callable[[str], bool]:
        if item.startswith("map:"):
            lookup = self._named_map(item, "set", key)
            return lambda text: lookup is not None and text in lookup
        if item.startswith("/"):
            regexps = self._regexp(key, item)
            return lambda text: any(regexp.test(text) for regexp in regexps)
        literal = item.lower()
        return lambda text: text.lower() == literal

    def _headers(self, key: str, value: Value) -> list[Matcher]:
        found: list[Matcher] = []
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                self._error(key, 'expected an object such as { "X-Name" = "/regexp/"; }')
                continue
            for name, wanted in part.items():
                test = self._header_test(key, name, wanted)
                if test is not None:
                    found.append(Matcher(key, f"{key}:{name}", test))
        return found

    def _header_test(self, key: str, name: str, wanted: Value) -> Test | None:
        read = _mime_header if key == "header" else _request_header
        if isinstance(wanted, bool):
            return lambda task: bool(read(task, name)) is wanted
        regexps: list[Regexp] = []
        for item in wanted if isinstance(wanted, list) else [wanted]:
            if isinstance(item, bool) or not isinstance(item, str | int | float):
                self._error(key, f"{name}: expected a regular expression, true or false")
                return None
            # Here every string is a regular expression, with or without the slashes.
            regexps.extend(self._regexp(key, str(item)))
        return lambda task: any(r.test(v) for v in read(task, name) for r in regexps)

    def _selectors(self, value: Value) -> list[Matcher]:
        delimiter = self.rule.get("delimiter", "")
        found: list[Matcher] = []
        for item in self._strings("selector", value):
            try:
                selector = parse_selector(item, delimiter=str(delimiter or ""), maps=self.maps)
            except ExpressionError as error:
                self._error("selector", str(error))
                continue
            found.append(Matcher("selector", f"selector:{item}", selector.matches))
        return found

    # Reading and reporting

    def _strings(self, key: str, value: Value) -> Sequence[str]:
        items = value if isinstance(value, list) else [value]
        found: list[str] = []
        for item in items:
            if isinstance(item, str):
                found.append(item)
            elif isinstance(item, int | float) and not isinstance(item, bool):
                found.append(str(item))  # `user = 12345;`
            else:
                self._error(key, f"expected a string or a list of strings, found `{item}`")
        return found

    def _regexp(self, key: str, text: str) -> list[Regexp]:
        try:
            return [parse_regexp(text)]
        except RegexpError as error:
            self._error(key, f"`{text}` is not a regular expression: {error}")
            return []

    def _named_map(self, item: str, kind: str, key: str) -> Map | None:
        return self.maps.open(item, kind=kind, where=self._place(key), name=self._name(key))

    def _name(self, key: str) -> str:
        return f"{self.path}.{key}"

    def _place(self, key: str) -> Where:
        return self.rule.place(key)

    def _error(self, key: str, message: str) -> None:
        self.problems.error(self._place(key), f"{self._name(key)}: {message}")


def user_address(user: str) -> Address:
    """An authenticated name as an address: split at the last ``@``, or a local part alone."""
    local, at, domain = user.rpartition("@")
    if not at:
        local, domain = user, ""
    return Address(addr=user, user=local, domain=domain.lower(), name="", raw=user)


def is_truthy(value: Value) -> bool:
    if isinstance(value, str):
        return value.lower() not in ("", "no", "false", "off", "0")
    return bool(value)


def _ip(task: Any) -> IPAddress | None:
    found: IPAddress | None = task.ip
    return found


def _peer(task: Any) -> IPAddress | None:
    """Who connected to us; ``None`` for a UNIX socket."""
    try:
        address: IPAddress = ip_address(task.envelope.peer)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _mime_header(task: Any, name: str) -> list[str]:
    return [header.value for header in task.message.headers.get_all(name)]


def _request_header(task: Any, name: str) -> list[str]:
    value = task.envelope.header(name)
    return [] if value is None else [value]


def _sender(task: Any) -> Iterable[Address]:
    return (task.sender,) if task.sender is not None else ()


def _user(task: Any) -> Iterable[Address]:
    return (user_address(task.user),) if task.user else ()


_TRUTHS: dict[str, Test] = {
    "authenticated": lambda task: task.direction.authenticated,
    "local": lambda task: task.direction.local,
}

_ADDRESSES: dict[str, Callable[[Any], Iterable[Address]]] = {
    "from": _sender,
    "from_mime": lambda task: task.message.from_,
    "rcpt": lambda task: task.envelope.recipients,
    "rcpt_mime": lambda task: task.message.recipients,
    "user": _user,
}
