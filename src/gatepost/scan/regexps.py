# SPDX-License-Identifier: Apache-2.0
"""Regular expressions as Rspamd writes them: ``/re/flags``, one at a time or many in one sweep.

A search is bounded whatever the text (see :mod:`gatepost.scan.pcre`). Texts are ``bytes`` or
``str``; positions are bytes of the UTF-8 text.
"""

import re
from collections.abc import Iterable, Sequence

from gatepost.scan.errors import ScanError
from gatepost.scan.pcre import Match, Pattern, PatternError
from gatepost.scan.sweep import Sweep

PAIRS = {"{": "}", "[": "]", "(": ")", "<": ">"}
TYPES = frozenset(
    {
        *("header", "raw_header", "mime_header", "all_headers", "body", "mime", "raw_mime"),
        *("sa_body", "sa_raw_body", "url", "email", "selector"),
        *("words", "raw_words", "stem_words"),
    }
)
"""Where a rule's expression looks, in braces (content reference §6.2)."""
LETTERS = frozenset("imsxuOrSALTHXBRMPQCDU$")
FLAGS = r"(?P<flags>[A-Za-z$]*)"
TYPED_FLAGS = rf"(?P<flags>[A-Za-z$]*(?:\{{(?:{'|'.join(sorted(TYPES))})\}}[A-Za-z$]*)+)"


class RegexpError(ScanError):
    """A regular expression that cannot be read; the message says why and where."""


class Regexp:
    """One compiled expression.

    ``text`` is as written, ``pattern`` what is between the delimiters, ``flags`` the letters
    after it, ``types`` what stood there in braces. Immutable; may be shared.
    """

    __slots__ = ("compiled", "flags", "pattern", "text", "types")

    def __init__(self, pattern: str, flags: str = "", *, text: str = "") -> None:
        """Raises :class:`RegexpError`."""
        self.types = tuple(re.findall(r"\{(\w+)\}", flags))
        self.flags = re.sub(r"\{\w+\}", "", flags)
        self.pattern = pattern
        self.text = text or f"/{pattern}/{flags}"
        unknown = sorted(set(self.flags) - LETTERS)
        if unknown:
            raise RegexpError(f"`{self.text}`: unknown flag `{unknown[0]}`")
        if not pattern:
            raise RegexpError(f"`{self.text}`: an empty expression would match everything")
        try:
            self.compiled = Pattern(
                to_bytes(pattern),
                caseless="i" in self.flags,
                multiline="m" in self.flags,
                dotall="s" in self.flags,
                extended="x" in self.flags,
                utf="u" in self.flags and "r" not in self.flags,
            )
        except PatternError as error:
            raise RegexpError(f"`{self.text}`: {error}") from None

    def search(self, text: str | bytes) -> Match | None:
        """The first match: where it is, in bytes, and its groups."""
        return self.compiled.search(text if isinstance(text, bytes) else to_bytes(text))

    def test(self, text: str | bytes) -> bool:
        """Whether there is a match."""
        return self.compiled.test(text if isinstance(text, bytes) else to_bytes(text))

    def __repr__(self) -> str:
        return f"Regexp({self.text!r})"


def parse_regexp(text: str) -> Regexp:
    """``/re/flags``, ``m{re}flags`` with any delimiter, or a bare expression without flags.

    Raises :class:`RegexpError`.
    """
    text = text.strip()
    start = 0 if text.startswith("/") else 1
    if start == 1 and not re.match(r"m[^\w\s]", text):
        return Regexp(text, text=text)
    end = re.escape(PAIRS.get(text[start], text[start]))
    body = text[start + 1 :]
    for flags in (TYPED_FLAGS, FLAGS):  # `m{re}i{header}`: the last brace is not the delimiter
        match = re.fullmatch(rf"(?P<pattern>.*){end}{flags}", body, re.DOTALL)
        if match is not None:
            return Regexp(match["pattern"], match["flags"], text=text)
    raise RegexpError(f"`{text}`: the closing `{PAIRS.get(text[start], text[start])}` is missing")


class RegexpSet:
    """Many expressions, looked for in one pass. Immutable; a set of one is a plain search."""

    __slots__ = ("always", "byte_ids", "byte_sweep", "raw_sweep", "regexps", "utf_ids", "utf_sweep")

    def __init__(self, regexps: Iterable[Regexp]) -> None:
        self.regexps: Sequence[Regexp] = tuple(regexps)
        self.byte_ids = [i for i, r in enumerate(self.regexps) if not r.compiled.utf]
        self.utf_ids = [i for i, r in enumerate(self.regexps) if r.compiled.utf]
        several = len(self.regexps) > 1
        self.byte_sweep = self.build(self.byte_ids, utf=False) if several else None
        self.utf_sweep = self.build(self.utf_ids, utf=True) if several else None
        self.raw_sweep: Sweep | None = None  # the `u` ones for a text that is no UTF-8: rare

    def build(self, ids: Sequence[int], *, utf: bool) -> Sweep | None:
        if not ids:
            return None
        return Sweep([self.regexps[i].compiled.switches for i in ids], utf=utf)

    def __len__(self) -> int:
        return len(self.regexps)

    def find_all(self, text: str | bytes) -> list[int]:
        """The places of all expressions that match, ascending."""
        data = text if isinstance(text, bytes) else to_bytes(text)
        if len(self.regexps) <= 1:
            return [0] if self.regexps and self.regexps[0].compiled.test(data) else []
        found: list[int] = []
        if self.byte_sweep is not None:
            self.confirm(self.byte_sweep, self.byte_ids, data, found)
        if self.utf_sweep is not None:
            self.confirm(self.sweep_for(data, self.utf_sweep), self.utf_ids, data, found)
        found.sort()
        return found

    def find(self, text: str | bytes) -> int | None:
        """The place of the first expression, in the order of the set, that matches."""
        found = self.find_all(text)
        return found[0] if found else None

    def confirm(self, sweep: Sweep, ids: list[int], data: bytes, found: list[int]) -> None:
        """Add what matches: what Hyperscan says for certain, and what PCRE2 confirms."""
        exact = sweep.exact
        for hit in sweep.find(data):
            index = ids[hit]
            if hit in exact or self.regexps[index].compiled.test(data):
                found.append(index)
        for hit in sweep.unswept:
            index = ids[hit]
            if self.regexps[index].compiled.test(data):
                found.append(index)

    def sweep_for(self, data: bytes, sweep: Sweep) -> Sweep:
        """Hyperscan needs valid UTF-8 for UTF-8 patterns; other texts are seen byte by byte."""
        if data.isascii():
            return sweep
        try:
            data.decode()
        except UnicodeDecodeError:
            if self.raw_sweep is None:
                raw = self.build(self.utf_ids, utf=False)
                assert raw is not None
                raw.exact = frozenset()  # PCRE2 has the say: some cannot be read as bytes at all
                self.raw_sweep = raw
            return self.raw_sweep
        return sweep


def glob_regexp(glob: str) -> Regexp:
    """A glob as an expression for the whole key: ``*`` any text, ``?`` one character or none.

    As Rspamd: case matters. Unlike it: a glob holds the whole key (there it also matches inside,
    its issue 6125), and ``+`` is a plus (there it is a third, undocumented wildcard).
    """
    parts = re.split(r"([*?])", glob)
    body = "".join({"*": ".*", "?": ".?"}.get(part) or escape(part) for part in parts)
    flags = "s" if glob.isascii() else "su"
    return Regexp(rf"\A{body}\z", flags, text=glob)


def escape(text: str) -> str:
    return re.sub(r"[!-,./:-?\[-^`{-~\s]", lambda match: "\\" + match[0], text, flags=re.ASCII)


def to_bytes(text: str) -> bytes:
    """UTF-8, with bytes that were smuggled into ``text`` as surrogates given back."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape" if is_escaped(text) else "replace")


def is_escaped(text: str) -> bool:
    return re.search("[\ud800-\udc7f\udd00-\udfff]", text) is None
