# SPDX-License-Identifier: Apache-2.0
"""Does this pattern occur in this text? PCRE2's answer, within a bound on work.

The package ``pcre2`` is untyped and stays behind this file. PCRE2's own limit counts steps at *one*
place where a match may begin, and a step may itself run to the end of the text: over a long text
it bounds nothing (``a.*b.*c.*d`` took two minutes on 1 MB). So a search goes like this:

1. A text up to ``QUICK_TEXT`` bytes: the JIT, with a limit that keeps places × steps × length
   small. Start optimisations make most searches almost free; most texts see no more than this.
2. A longer text, or one where that gave up: Hyperscan, in linear time, says "no" or "maybe".
3. Maybe: the places where a match may begin are tried ``WINDOW`` at a time, each window with its
   own limit, until ``DEADLINE`` seconds have passed. ``(?s:.{0,N}?)\\K(?:pattern)``, anchored, is
   such a window. The interpreter takes over where the JIT's small stack does not suffice.

Giving up counts as no match. Patterns and texts are bytes. A pattern with ``utf`` sees a text that
is no UTF-8 byte by byte, as Rspamd does.
"""

import re
import time
from typing import NamedTuple

import pcre2

from gatepost.scan.sweep import Sweep, SweepPattern

QUICK_TEXT = 4 * 1024
QUICK_LIMIT = 500
WINDOW = 1024
WINDOW_LIMIT = 64 * WINDOW
INTERPRETER_LIMIT = 1_000_000
HEAP_KIB = 20_000
DEPTH = 100_000
DEADLINE = 0.25
"""Seconds after which no further window is begun."""
MAX_PATTERN = 64 * 1024
"""Bytes of a pattern. Rspamd has no limit; its longest shipped one has about 2,000."""

VERBS = re.compile(rb"(?:\(\*[A-Z_0-9]+(?:=\d+)?\))*")
"""Settings at a pattern's start, such as ``(*UTF)``: they must stay at the very start."""
WHOLE = re.compile(rb"\(\?(?:R|0)\)|\(\*(?:COMMIT|PRUNE|SKIP|THEN|ACCEPT|F)|\\G")
"""What means something else once the pattern stands inside another one."""
ESCAPES = re.compile(
    rb"(?s:\\Q.*?(?:\\E|\Z))|\\(?:x(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{0,2}))|.)", re.DOTALL
)
JIT_STACK = -46
UTF8_ERRORS = range(-23, -2)


class PatternError(Exception):
    """A pattern that PCRE2 refuses. Stays in this room."""


class Match(NamedTuple):
    """Where a pattern was found, in bytes, and its groups (``None``: took no part)."""

    start: int
    end: int
    groups: tuple[bytes | None, ...]


class Pattern:
    """One compiled pattern. Raises :class:`PatternError` with PCRE2's message."""

    __slots__ = ("flags", "gate", "interpreter", "quick", "raw", "source", "switches", "window")

    def __init__(
        self,
        source: bytes,
        *,
        caseless: bool = False,
        multiline: bool = False,
        dotall: bool = False,
        extended: bool = False,
        utf: bool = False,
    ) -> None:
        if len(source) > MAX_PATTERN:
            raise PatternError(f"longer than {MAX_PATTERN} bytes")
        self.switches = SweepPattern(source, caseless, multiline, dotall, extended)
        self.source = ESCAPES.sub(octal, source)
        self.flags: int = (
            caseless * pcre2.IGNORECASE
            | multiline * pcre2.MULTILINE
            | dotall * pcre2.DOTALL
            | extended * pcre2.VERBOSE
            | utf * pcre2.UNICODE
        )
        self.quick = self.compile(self.source, QUICK_LIMIT)
        self.gate: Sweep | None = None
        self.window: pcre2.Pattern | None = None
        self.interpreter: pcre2.Pattern | None = None
        self.raw: Pattern | None = None

    @property
    def utf(self) -> bool:
        """Characters are UTF-8's, classes are Unicode's."""
        return bool(self.flags & pcre2.UNICODE)

    def search(self, text: bytes) -> Match | None:
        """The first match. Work beyond the limits counts as no match."""
        found = self.find(text)
        if found is None:
            return None
        return Match(found.start(), found.end(), found.groups())

    def test(self, text: bytes) -> bool:
        """Whether there is a match: cheaper than :meth:`search`."""
        return self.find(text, test=True) is not None

    def find_all(self, text: bytes, limit: int) -> list[Match]:
        """The first ``limit`` matches that do not overlap, without empty ones.

        The first is found as by :meth:`search`, those after it ``QUICK_TEXT`` bytes at a time.
        """
        first = self.search(text)
        if first is None:
            return []
        found = [first] if first.end > first.start else []
        pattern = self.quick
        if self.raw is not None and not is_utf8(text):
            pattern = self.raw.quick
        begin = first.end
        try:
            while begin < len(text) and len(found) < limit:
                piece = text[: self.boundary(text, begin + 2 * QUICK_TEXT)]
                after = self.boundary(text, begin + QUICK_TEXT)
                for match in pattern.finditer(piece, begin):
                    if match.end() > match.start():
                        found.append(Match(match.start(), match.end(), match.groups()))
                        after = max(after, match.end())
                    if match.start() >= begin + QUICK_TEXT or len(found) >= limit:
                        break
                begin = after
        except pcre2.LibraryError:  # too much work: what was found until here
            pass
        return found[:limit]

    def boundary(self, text: bytes, place: int) -> int:
        """``place``, or where the character that it would cut ends."""
        while self.utf and place < len(text) and text[place] & 0xC0 == 0x80:
            place += 1
        return place

    def find(self, text: bytes, *, test: bool = False) -> "pcre2.Match | None":
        """PCRE2's match object; with ``test`` anything that is not ``None``."""
        try:
            if len(text) <= QUICK_TEXT:
                try:
                    return self.quick.search(text)
                except pcre2.LibraryError as error:
                    if error.code in UTF8_ERRORS:
                        raise
            elif self.utf and not text.isascii():
                text.decode()  # Hyperscan does not check
            gate = self.open_gate()
            if not gate.find(text) and not gate.unswept:
                return None
            if test and gate.exact:
                return gate
            return self.find_in_windows(text)
        except (pcre2.LibraryError, UnicodeDecodeError):
            return self.find_raw(text, test) if self.utf else None

    def open_gate(self) -> Sweep:
        if self.gate is None:
            self.gate = Sweep([self.switches], utf=self.utf)
        return self.gate

    def find_in_windows(self, text: bytes) -> "pcre2.Match | None":
        if self.window is None:
            self.window = self.compile_window(WINDOW_LIMIT, jit=True)
        if self.window is self.quick:
            return None
        deadline = time.perf_counter() + DEADLINE
        for begin in range(0, len(text) + 1, WINDOW):
            while self.utf and 0 < begin < len(text) and text[begin] & 0xC0 == 0x80:
                begin -= 1
            try:
                found = self.window.match(text, begin)
            except pcre2.LibraryError as error:
                if error.code != JIT_STACK:
                    return None
                found = self.find_by_interpreter(text, begin)
            if found is not None:
                return found
            if time.perf_counter() > deadline:
                return None
        return None

    def find_by_interpreter(self, text: bytes, begin: int) -> "pcre2.Match | None":
        if self.interpreter is None:
            self.interpreter = self.compile_window(INTERPRETER_LIMIT, jit=False)
        return self.interpreter.match(text, begin)  # its error ends the search, in `find`

    def find_raw(self, text: bytes, test: bool) -> "pcre2.Match | None":
        """Byte by byte, because ``text`` is no UTF-8."""
        if self.raw is None:
            switches = self.switches._asdict()
            try:
                self.raw = Pattern(**switches)
            except PatternError:  # such as \x{2060}: it can only ever be in UTF-8
                self.raw = Pattern(b"(?!)")
        return self.raw.find(text, test=test)

    def compile(self, source: bytes, limit: int, *, jit: bool = True) -> "pcre2.Pattern":
        limits = b"(*LIMIT_MATCH=%d)(*LIMIT_HEAP=%d)(*LIMIT_DEPTH=%d)" % (limit, HEAP_KIB, DEPTH)
        try:
            return pcre2.compile(limits + source, self.flags, jit=jit)
        except pcre2.PatternError as error:
            raise PatternError(message(error, len(limits))) from None
        except pcre2.LibraryError as error:
            raise PatternError(str(error)) from None

    def compile_window(self, limit: int, *, jit: bool) -> "pcre2.Pattern":
        """The pattern at any of the next ``WINDOW`` places; ``quick`` where that can't be said."""
        verbs = VERBS.match(self.source)
        head = verbs.group() if verbs else b""
        body = self.source[len(head) :]
        if not WHOLE.search(body):
            for tail in (b")", b"\n)", b"\\E)"):  # a comment or \Q may swallow the bracket
                try:
                    source = head + b"(?s-x:.{0,%d}?)\\K(?:" % WINDOW + body + tail
                    return self.compile(source, limit, jit=jit)
                except PatternError:
                    continue
        return self.quick


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def octal(escape: "re.Match[bytes]") -> bytes:
    r"""``\x{41}`` as ``\o{101}``: the package switches on JavaScript's reading of ``\x``."""
    digits = escape[1] if escape[1] is not None else escape[2]
    if digits is None:
        if escape[0] in (b"\\u", b"\\U"):
            raise PatternError("\\u and \\U are not supported: write \\x{...}")
        return escape[0]
    return b"\\o{%o}" % int(digits or b"0", 16)


def message(error: "pcre2.PatternError", before: int) -> str:
    """PCRE2's sentence, with the position in the pattern as it was written."""
    text = str(error).partition("; ")[2] or str(error)
    return f"{text} (at byte {max(error.pos - before, 0)})"
