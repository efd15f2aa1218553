# SPDX-License-Identifier: Apache-2.0
"""What do Authentication-Results fields say?

RFC 8601, read leniently: one statement that cannot be read costs only itself. Reading is a
handful of compiled expressions, each linear in the text.
"""

from __future__ import annotations

import re

import msgspec

from gatepost.mail import Headers

NAME = "Authentication-Results"
MAX_FIELD = 16_384
"""Bytes of a field that are read."""
MAX_RESULTS = 100
"""Statements of one field that are read."""
MAX_PROPERTIES = 100
"""Properties of one statement that are read."""
MAX_PREFIX = 1024
"""Bytes within which an authserv-id has to be found."""


def nested_comment(depth: int) -> str:
    """The expression of a comment with at most ``depth`` levels (RFC 5322 3.2.2)."""
    plain = r"[^()\\]++|\\."
    pattern = rf"\((?:{plain})*+\)"
    for _ in range(depth - 1):
        pattern = rf"\((?:{plain}|{pattern})*+\)"
    return pattern


COMMENT = nested_comment(5)
CFWS = rf"(?:\s++|{COMMENT})*+"
WORD = r"[A-Za-z0-9_-]{1,64}+"  # a Keyword of RFC 5321 4.1.2, and `_`, which is seen
QUOTED = r"\"(?:[^\"\\]++|\\.)*+\""

COMMENT_HERE = re.compile(rf"\s*+({COMMENT})", re.DOTALL)
INSTANCE = re.compile(rf"{CFWS}i{CFWS}={CFWS}(\d{{1,3}}){CFWS};", re.DOTALL | re.ASCII)
SERVICE = re.compile(
    rf"{CFWS}(?:({QUOTED})|([^\s;()\"=]++))(?!{CFWS}=)(?:{CFWS}(\d{{1,9}})(?![^\s;(]))?+",
    re.DOTALL | re.ASCII,
)
METHOD = re.compile(
    rf"{CFWS}({WORD}){CFWS}(?:/{CFWS}(\d{{1,9}}){CFWS})?+={CFWS}({WORD})", re.DOTALL | re.ASCII
)
REASON = re.compile(rf"{CFWS}reason{CFWS}={CFWS}", re.DOTALL | re.IGNORECASE)
PROPERTY = re.compile(rf"{CFWS}({WORD}){CFWS}\.{CFWS}({WORD}){CFWS}={CFWS}", re.DOTALL | re.ASCII)
# A quoted string, or a bare run, which may begin with a quoted local part.
VALUE = re.compile(rf"({QUOTED})(?![^\s;(])|((?:{QUOTED})?+[^\s;(\"]++)", re.DOTALL)
# A quoted string that nobody closes takes the rest with it: searching on would be quadratic.
TO_NEXT = re.compile(rf"(?:[^;\"(]++|\"(?:[^\"\\]++|\\.)*+(?:\"|\\?\Z)|{COMMENT}|\()*+", re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Property(msgspec.Struct, frozen=True):
    """What was checked: ``header.from=example.org`` (RFC 8601 2.2, 2.3)."""

    ptype: str
    name: str
    value: str


class MethodResult(msgspec.Struct, frozen=True):
    """One statement: ``dkim=pass`` with its reason, comment and properties.

    ``method`` and ``result`` are in lower case when they were read. ``comment`` is the first
    one after the result, without its brackets.
    """

    method: str
    result: str
    properties: tuple[Property, ...] = ()
    reason: str = ""
    comment: str = ""
    version: int = 1

    def value(self, ptype: str, name: str) -> str | None:
        """The first value of a property; ``None`` when it is not there."""
        for entry in self.properties:
            if entry.ptype == ptype and entry.name == name:
                return entry.value
        return None


class AuthenticationResults(msgspec.Struct, frozen=True):
    """One field. No ``results``: it says ``none``, or nothing that can be read.

    ``authserv_id`` is empty when the writer gave none (Exchange does not). ``instance`` is
    the ``i=`` of an ARC-Authentication-Results field (RFC 8617 4.1.1), else 0.
    """

    authserv_id: str
    results: tuple[MethodResult, ...] = ()
    version: int = 1
    instance: int = 0

    def of(self, method: str) -> tuple[MethodResult, ...]:
        """The statements of one method, in their order."""
        return tuple(result for result in self.results if result.method == method)


def build_result(
    method: str, result: str, *, reason: str = "", comment: str = "", **properties: str
) -> MethodResult:
    """A statement, the underscore for the dot: ``build_result("spf", "pass", smtp_helo="a")``."""
    pairs = ((key.partition("_"), value) for key, value in properties.items())
    return MethodResult(
        method=method,
        result=result,
        properties=tuple(Property(ptype, name, value) for (ptype, _, name), value in pairs),
        reason=reason,
        comment=comment,
    )


def parse_authentication_results(raw: bytes) -> AuthenticationResults:
    """Reads a field's value, folded or not; also that of ARC-Authentication-Results.

    The first 16 KiB, 100 statements and 100 properties of each are read. Never raises.
    """
    text = raw[:MAX_FIELD].decode("utf-8", "replace").rstrip()
    instance = INSTANCE.match(text)
    at = instance.end() if instance else 0
    service = SERVICE.match(text, at)
    authserv_id, version = "", 1
    if service:
        authserv_id = service_name(service)
        version = int(service[3] or 1)
        at = next_statement(text, service.end())
    results: list[MethodResult] = []
    while at < len(text) and len(results) < MAX_RESULTS:
        result, at = parse_statement(text, at)
        if result is not None:
            results.append(result)
        at = next_statement(text, at)
    return AuthenticationResults(
        authserv_id, tuple(results), version, int(instance[1]) if instance else 0
    )


def parse_statement(text: str, at: int) -> tuple[MethodResult | None, int]:
    """One statement that begins at ``at``, and where it ended."""
    method = METHOD.match(text, at)
    if method is None:
        return None, at
    at = method.end()
    comment = COMMENT_HERE.match(text, at)
    reason = ""
    if found := REASON.match(text, at):
        reason, at = parse_value(text, found.end())
    properties: list[Property] = []
    while len(properties) < MAX_PROPERTIES and (found := PROPERTY.match(text, at)):
        value, at = parse_value(text, found.end())
        properties.append(Property(found[1].lower(), found[2].lower(), value))
        if comment is None:  # Rspamd puts it last
            comment = COMMENT_HERE.match(text, at)
    result = MethodResult(
        method=method[1].lower(),
        result=method[3].lower(),
        properties=tuple(properties),
        reason=reason,
        comment=ESCAPED.sub(r"\1", comment[1][1:-1]) if comment else "",
        version=int(method[2] or 1),
    )
    return result, at


def parse_value(text: str, at: int) -> tuple[str, int]:
    """A value that begins at ``at``; empty when there is none."""
    value = VALUE.match(text, at)
    if value is None:
        return "", at
    return (unquote(value[1]) if value[1] else value[2]), value.end()


def next_statement(text: str, at: int) -> int:
    """Where the next statement begins: after a semicolon outside of quotes and comments."""
    found = TO_NEXT.match(text, at)
    return (found.end() if found else len(text)) + 1


def service_name(service: re.Match[str]) -> str:
    return unquote(service[1]) if service[1] else service[2]


def unquote(quoted: str) -> str:
    return ESCAPED.sub(r"\1", quoted[1:-1])


def find_own(headers: Headers, *authserv_ids: str) -> list[int]:
    """Which Authentication-Results fields claim to be written by one of these services.

    They are forged when a message comes from outside, and have to go (RFC 8601 5). The numbers
    count the fields of that name from 1, as removals do. Case and version do not matter; an id
    ``.example.org`` stands for every host below. A field whose service cannot be made out
    within 1 KiB is named as well: no honest server writes one.
    """
    exact = {fold_id(own) for own in authserv_ids if own and own[0] != "."}
    below = tuple(fold_id(own) for own in authserv_ids if own and own[0] == ".")
    found: list[int] = []
    for number, field in enumerate(headers.get_all(NAME), 1):
        text = field.raw[:MAX_PREFIX].decode("utf-8", "replace")
        service = SERVICE.match(text)
        if service is None:
            if METHOD.match(text) is None:
                found.append(number)
            continue
        claimed = fold_id(service_name(service))
        if claimed in exact or (below and claimed.endswith(below)) or service.end() >= MAX_PREFIX:
            found.append(number)
    return found


def fold_id(authserv_id: str) -> str:
    return authserv_id.strip().removesuffix(".").lower()
