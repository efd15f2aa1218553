# SPDX-License-Identifier: Apache-2.0
"""Whom does an address header name?

Lists of RFC 5322 3.4 with groups, comments, quoted strings and routes, as mail writes them:
nothing is refused, an address that is none is listed without the flag ``valid``. Bounded in
addresses and bytes. Source: content reference §1.9.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

import msgspec

from gatepost.mail.encoded_words import decode_value
from gatepost.mail.limits import Limits

NO_FLAGS: frozenset[str] = frozenset()
MAX_COMMENT_DEPTH = 16
MAX_WORDS = 1000  # of one mailbox; the rest of its name is left out
MAX_WORD = 4096  # characters that a word is glued together to

# The shapes that nearly all mailboxes have: `name <user@domain>` and `user@domain`, in ASCII.
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
ADDR = rf"{ATOM}(?:\.{ATOM})*+@[A-Za-z0-9](?:[A-Za-z0-9-]*+(?<!-)(?:\.(?=[A-Za-z0-9]))?)*+"
PLAIN = re.compile(
    r"[ \t]*+(?:(?:\"([ !#-;=?-\[\]-~]*+)\"|([A-Za-z0-9 .'_/=?*+-]*+))[ \t]*+"
    rf"<({ADDR})>|({ADDR}))[ \t]*+(?:,|\Z)"
)
TOKEN = re.compile(
    r"(?P<blank>\s++)"
    r"|\"(?P<quoted>(?:[^\"\\]++|\\.)*+)(?:\"|\\?\Z)"
    r"|<(?P<angle>(?:[^<>\"]++|\"(?:[^\"\\]++|\\.)*+(?:\"|\\?\Z))*+)>?"
    r"|(?P<comment>\()"
    r"|(?P<special>[,;:)>])"
    r"|(?P<literal>\[[^\]\s,]*+\]?)"
    r"|(?P<atom>[^\s\"<>(),;:\[]++)",
    re.DOTALL,
)
COMMENT = re.compile(r"[^()\\]++|\\.|([()])|\\\Z", re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
QUOTED = re.compile(r"\"((?:[^\"\\]++|\\.)*+)\"", re.DOTALL)
ROUTE = re.compile(r"@[^:]*+:")
# RFC 5321 4.1.2, with UTF-8 as RFC 6531 3.3 allows it.
LOCAL = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*\Z"
    r"|\"(?:[^\"\\\r\n]|\\.)*\"\Z"
)
DOMAIN = re.compile(r"\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)*\.?\Z")
LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]+)\]\Z", re.IGNORECASE)


class Address(msgspec.Struct, frozen=True):
    """One mailbox. ``addr`` is ``user@domain`` as written, without comments and brackets.

    ``domain`` is in lower case; ``name`` the decoded display name; ``raw`` the text it was
    read from. ``flags``: ``valid`` (RFC 5321), ``8bit``, ``quoted``, ``empty``,
    ``backslash``, ``ip``.
    """

    addr: str
    user: str
    domain: str
    name: str = ""
    raw: str = ""
    flags: frozenset[str] = NO_FLAGS

    @property
    def is_valid(self) -> bool:
        return "valid" in self.flags


VALID = frozenset(("valid",))


def parse_addresses(raw: bytes, limits: Limits) -> list[Address]:
    """Reads an unfolded address header; at most ``limits.max_recipients`` addresses."""
    text = raw[: limits.max_address_bytes].decode("latin-1")
    plain = _parse_plain(text, limits.max_recipients)
    return _ListParser(text, limits.max_recipients).parse() if plain is None else plain


def parse_address(text: str) -> Address | None:
    """The first address in a text, ``None`` when there is none."""
    found = parse_addresses(text.encode("utf-8", "surrogateescape"), ONE)
    return found[0] if found else None


ONE = Limits(max_recipients=1, max_address_bytes=8192)


def _parse_plain(text: str, limit: int) -> list[Address] | None:
    """The list, if every mailbox in it has one of the usual shapes."""
    found: list[Address] = []
    at, end = 0, len(text)
    while at < end and len(found) < limit:
        plain = PLAIN.match(text, at)
        if plain is None:
            return None
        quoted, name, angle, bare = plain.groups()
        addr = angle or bare
        user, _, domain = addr.partition("@")
        name = (quoted or name or "").strip()
        if "=?" in name:
            name = _decoded(name).strip()
        raw = plain.group().strip(" \t,")
        found.append(Address(addr, user, domain.lower(), name, raw, VALID))
        at = plain.end()
    return found


class _ListParser:
    """Walks over the tokens once; what belongs to the current mailbox is kept aside."""

    def __init__(self, text: str, limit: int) -> None:
        self.text = text
        self.limit = limit
        self.found: list[Address] = []
        self._begin(0)

    def _begin(self, at: int) -> None:
        self.start = at
        self.words: list[str] = []
        self.comments: list[str] = []
        self.angle: str | None = None
        self.blank_between = False

    def parse(self) -> list[Address]:
        at, end = 0, len(self.text)
        while at < end and len(self.found) < self.limit:
            token = TOKEN.match(self.text, at)
            if token is None:  # cannot happen: some alternative takes any character
                at += 1
                continue
            kind = token.lastgroup
            after = token.end()
            if kind == "special":
                self._special(token.group(), at, after)
            elif kind == "comment":
                after = self._comment(after)
            elif kind == "blank":
                self.blank_between = bool(self.words)
            elif kind == "angle":
                self._angle(token.group(kind), at)
            elif kind == "quoted":
                self._word(f'"{token.group(kind)}"')
            else:
                self._word(token.group())
            at = after
        if len(self.found) < self.limit:
            self._finish(at)
        return self.found

    def _special(self, char: str, at: int, after: int) -> None:
        if char == ":":  # the name of a group, or junk such as "mailto:"
            self._begin(after)
        elif char in ",;":
            self._finish(at)
            self._begin(after)

    def _comment(self, at: int) -> int:
        """Steps over a comment, nested ones included, and keeps its text."""
        depth, start, end = 1, at, len(self.text)
        while at < end:
            piece = COMMENT.match(self.text, at)
            if piece is None:
                break
            at = piece.end()
            if piece.group(1) == "(":
                depth = min(depth + 1, MAX_COMMENT_DEPTH)
            elif piece.group(1) == ")":
                depth -= 1
                if depth == 0:
                    self.comments.append(self.text[start : at - 1])
                    return at
        self.comments.append(self.text[start:])
        return end

    def _angle(self, inner: str, at: int) -> None:
        if self.angle is not None:  # "<a@b> <c@d>": the comma was forgotten
            self._finish(at)
            self._begin(at)
            if len(self.found) >= self.limit:
                return
        self.angle = inner

    def _word(self, word: str) -> None:
        """Words without a blank between them are one: `"john doe"@example.org`, `a@[1.2.3.4]`."""
        if not self.words or self.blank_between:
            if len(self.words) < MAX_WORDS:
                self.words.append(word)
        elif len(self.words[-1]) < MAX_WORD:
            self.words[-1] += word
        self.blank_between = False

    def _finish(self, at: int) -> None:
        raw = self.text[self.start : at].strip()
        if self.angle is not None:
            self.found.append(_mailbox(self.angle, _display_name(self.words, self.comments), raw))
            return
        if not self.words:
            return
        position = next((n for n, word in enumerate(self.words) if "@" in word), None)
        if position is None:  # a bare name is an address without a domain (RFC 822 had these)
            addr, names = " ".join(self.words), []
        else:
            addr = self.words[position]
            names = self.words[:position] + self.words[position + 1 :]
            before = self.words[position - 1] if position else ""
            if addr == "@" or (addr.startswith("@") and before):  # "user @ domain"
                following = self.words[position + 1 : position + 2] if addr == "@" else []
                addr = before + addr + "".join(following)
                names = []
            elif addr.endswith("@"):
                addr += "".join(self.words[position + 1 : position + 2])
                names = self.words[:position]
        self.found.append(_mailbox(addr, _display_name(names, self.comments), raw))


def _display_name(words: list[str], comments: list[str]) -> str:
    if not words:
        return _decoded(comments[0].strip()) if comments else ""
    text = " ".join(_unquoted(word) if '"' in word else word for word in words)
    return _decoded(text).strip()


def _unquoted(word: str) -> str:
    return QUOTED.sub(lambda found: ESCAPED.sub(r"\1", found.group(1)), word)


def _decoded(text: str) -> str:
    if text.isascii() and "=?" not in text:
        return text
    return decode_value(text.encode("latin-1")).text


def _mailbox(inner: str, name: str, raw: str) -> Address:
    """An address from what stood between the brackets (or alone)."""
    flags: set[str] = set()
    path = inner.strip()
    if (route := ROUTE.match(path)) is not None:
        path = path[route.end() :]
    if "(" in path and '"' not in path:
        path = re.sub(r"\([^()]*\)", "", path)
    path = path.strip()
    if not path.isascii():
        flags.add("8bit")
        path = path.encode("latin-1").decode("utf-8", "replace")
    user, at, domain = path.rpartition("@")
    if not at:
        user, domain = path, ""
    if "\\" in user:
        flags.add("backslash")
    if not path:
        flags.add("empty")
        flags.add("valid")  # as rspamd: the null sender is an address
    elif at and LOCAL.match(user) and _domain_flags(domain, flags):
        flags.add("valid")
    if user.startswith('"') and user.endswith('"') and len(user) > 1:
        flags.add("quoted")
        user = ESCAPED.sub(r"\1", user[1:-1])
        path = f"{user}@{domain}" if at else user
    raw_text = raw if raw.isascii() else raw.encode("latin-1").decode("utf-8", "replace")
    return Address(path, user, domain.lower(), name, raw_text, frozenset(flags))


def _domain_flags(domain: str, flags: set[str]) -> bool:
    """Whether the domain is one; adds ``ip`` for an address literal."""
    literal = LITERAL.match(domain)
    if literal is None:
        return DOMAIN.match(domain) is not None
    try:
        ip_address(literal.group(1))
    except ValueError:
        return False
    flags.add("ip")
    return True
