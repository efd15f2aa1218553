# SPDX-License-Identifier: Apache-2.0
"""What do Authentication-Results fields say, and how is one written?

RFC 8601, read leniently (one statement that cannot be read costs only itself) and written
strictly: whatever the values are, the field stays one field. Reading is a handful of compiled
expressions, each linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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
MAX_VALUE = 320  # characters of a written value: 64 + 1 + 255 of an address (RFC 5321 4.5.3.1)
MAX_COMMENT = 200  # characters of a written comment or reason
MAX_LINE = 78  # RFC 5322 2.1.1


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

NAME_SHAPE = re.compile(WORD)
BARE = re.compile(
    r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+"  # token of RFC 2045 5.1
    r"|(?:[!#$%&'*+/0-9=?A-Z^_`a-z{|}~.-]+|\"(?:[^\"\\\x00-\x1f\x7f]|\\[ -~])*\")?"
    r"@[0-9A-Za-z_.-]+"
)
# Line ends of every kind that some reader knows, and what else no header may hold.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


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


def format_authentication_results(
    authserv_id: str,
    results: Iterable[MethodResult],
    *,
    instance: int = 0,
    newline: str = "\r\n",
) -> str:
    """The field's value, folded with ``newline`` and a tab so that lines have 78 characters.

    Each statement begins a line. Values that are no token or address are quoted, and cut at
    320 characters; control characters and line ends become blanks. No results: ``none``.
    With an ``instance`` the value is that of ARC-Authentication-Results. Raises ``ValueError``
    for a method, result, ptype or property that is no word: these are never a sender's.
    """
    head = [f"i={instance:d};"] if instance else []
    groups = [[*head, format_value(authserv_id)], *map(statement_words, results)]
    if len(groups) == 1:
        groups.append(["none"])
    for group in groups[:-1]:
        group[-1] += ";"
    lines = [" ".join(groups[0])]
    for group in groups[1:]:
        line = group[0]
        for word in group[1:]:
            if len("\t") + len(line) + len(" ") + len(word) > MAX_LINE:
                lines.append(line)
                line = word
            else:
                line += " " + word
        lines.append(line)
    return (newline + "\t").join(lines)


def statement_words(result: MethodResult) -> list[str]:
    """A statement in the pieces between which it may be folded."""
    method = format_name(result.method)
    if result.version != 1:
        method += f"/{result.version:d}"
    words = [f"{method}={format_name(result.result)}"]
    comment = [format_comment(result.comment)] if result.comment else []
    if result.reason:
        words.append("reason=" + quote(clean(result.reason, MAX_COMMENT)))
    else:
        words += comment
    words += [
        f"{format_name(entry.ptype)}.{format_name(entry.name)}={format_value(entry.value)}"
        for entry in result.properties
    ]
    return words + comment if result.reason else words  # as rspamd: after a reason it is last


def format_name(name: str) -> str:
    if NAME_SHAPE.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no word of an Authentication-Results field")
    return name


def format_value(value: str) -> str:
    """A value as it stands in the field, quoted when it has to be."""
    value = clean(value, MAX_VALUE)
    return value if BARE.fullmatch(value) else quote(value)


def format_comment(text: str) -> str:
    return "(" + re.sub(r"([()\\])", r"\\\1", clean(text, MAX_COMMENT)) + ")"


def quote(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def clean(text: str, limit: int) -> str:
    """``text`` on one line, without what is no text, at most ``limit`` characters."""
    text = CONTROL.sub(" ", text[:limit])
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
