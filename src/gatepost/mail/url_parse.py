# SPDX-License-Identifier: Apache-2.0
"""What are the parts of this one URL, however its writer tried to hide them?

``parse_url`` takes a string that is a URL (``url_text`` finds such strings, ``urls`` cleans
hrefs). Well-formed web addresses go through one expression, everything else is taken apart as
tolerantly as browsers do. Source: content reference §1.8.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from gatepost.mail import url_flags
from gatepost.mail.url_flags import NO_FLAGS
from gatepost.mail.url_host import Host, parse_host, to_unicode

WEB_SCHEMES = frozenset(("http", "https", "ftp", "sftp", "webcal", "ws", "wss"))
HOST_SCHEMES = WEB_SCHEMES | {"file", "news", "nntp", "telnet", "rtsp", "ldap", "smb", "git", "ssh"}
PHONE_SCHEMES = frozenset(("tel", "callto", "h323", "sms"))
MAIL_SCHEMES = frozenset(("mailto", "sip", "sips", "xmpp"))
KNOWN_SCHEMES = HOST_SCHEMES | PHONE_SCHEMES | MAIL_SCHEMES
DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "sftp": 22, "telnet": 23}

# A plain web address: nothing encoded, nothing to repair.
PLAIN = re.compile(
    r"(https?)://([A-Za-z0-9][A-Za-z0-9.-]*)(/[!$&-;=@-Z_a-z~]*+)?(?:\?([!$&-;=?@-Z_a-z~]*+))?\Z"
)
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})((?::|%3[aA]))([/\\]*)")
DOT_SEGMENT = re.compile(r"/\.{1,2}(?=/|\Z)")
LITERAL = re.compile(r"\[\d+\.\d+\.\d+\.\d+\]\Z")  # RFC 5321 4.1.3
MAIL_USER = re.compile(r"[^\s<>@\"]{1,256}")


class Url(msgspec.Struct, eq=False):
    """A URL. ``text`` is its canonical form; two URLs are the same when it is equal.

    ``host`` is in Punycode and lower case, ``tld`` its eSLD; path, query and fragment are
    percent-decoded. ``displayed`` is the text that an HTML link shows. ``order`` counts the
    distinct URLs of a letter from 1, ``count`` how often this one occurs.
    """

    text: str
    scheme: str
    host: str
    tld: str
    port: int = 0
    """0: none was written."""
    user: str = ""
    path: str = ""
    query: str = ""
    fragment: str = ""
    flags: frozenset[str] = NO_FLAGS
    displayed: str | None = None
    order: int = 0
    count: int = 1

    def add_flags(self, *names: str) -> None:
        """Adds flags by name."""
        self.flags = self.flags | frozenset(names)

    @property
    def unicode_host(self) -> str:
        """The host as a reader would see it."""
        return to_unicode(self.host)

    @property
    def address(self) -> str:
        """``user@host`` of a mail address."""
        return f"{self.user}@{self.host}"


class Authority(NamedTuple):
    """User part, host and port between the slashes and the path."""

    user: str
    host: Host
    port: int


def parse_url(text: str, flags: frozenset[str] = NO_FLAGS) -> Url | None:
    """The URL that ``text`` is; ``None`` when it has no host, or none that could exist.

    ``text`` begins with its scheme and is at most as long as ``Limits.max_url_length`` allows.
    """
    plain = PLAIN.match(text)
    found = url_of_plain(plain, flags) if plain is not None else None
    return found if found is not None else _parse_any(text, flags)


def url_of_plain(plain: re.Match[str], flags: frozenset[str] = NO_FLAGS) -> Url | None:
    """The URL of a match of ``PLAIN``; ``None`` when it needs more than a quick look."""
    scheme, written, path, query = plain.groups("")
    host = parse_host(written)
    if host is None or "/." in path:
        return None
    text = plain.group()
    if host.name != written:
        text = f"{scheme}://{host.name}{text[plain.end(2) :]}"
    if host.flags:
        flags = flags | host.flags
    return Url(text, scheme, host.name, host.tld, 0, "", path, query, "", flags)


def _parse_any(text: str, flags: frozenset[str]) -> Url | None:
    found = SCHEME.match(text)
    if found is None:
        return None
    scheme = found.group(1).lower()
    noted = set(flags)
    if found.group(2) != ":":
        noted.add(url_flags.SCHEMA_ENCODED)
    if scheme in MAIL_SCHEMES:
        return _parse_mail(scheme, text[found.end() :], noted)
    if scheme in PHONE_SCHEMES:
        return _parse_phone(scheme, text[found.end() :], noted)
    if scheme not in HOST_SCHEMES:
        return None
    slashes = found.group(3)
    if "\\" in slashes or len(slashes) > 3:
        noted.add(url_flags.OBSCURED)
    if len(slashes) < 2:
        noted.add(url_flags.MISSING_SLASHES)
        noted.add(url_flags.OBSCURED)
    return _parse_web(scheme, text[found.end() :], noted)


def _parse_web(scheme: str, rest: str, noted: set[str]) -> Url | None:
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    if "\\" in rest:  # browsers take it for a slash
        noted.add(url_flags.OBSCURED)
        rest = rest.replace("\\", "/")
    authority, slash, path = rest.partition("/")
    parsed = _authority(authority, noted)
    if parsed is None:
        return None
    path = _decoded(slash + path, url_flags.PATH_ENCODED, noted)
    while "/." in path and (shorter := DOT_SEGMENT.sub("", path)) != path:
        noted.add(url_flags.OBSCURED)
        path = shorter
    query = _decoded(query, url_flags.QUERY_ENCODED, noted)
    fragment = _decoded(fragment, "", noted)
    host = parsed.host
    noted |= host.flags
    port = parsed.port if parsed.port != DEFAULT_PORTS.get(scheme) else 0
    name = f"[{host.name}]" if ":" in host.name else host.name
    text = (
        f"{scheme}://{parsed.user + '@' if parsed.user else ''}{name}{f':{port}' if port else ''}"
        f"{path}{'?' + query if query else ''}{'#' + fragment if fragment else ''}"
    )
    return Url(
        text,
        scheme,
        host.name,
        host.tld,
        parsed.port,
        parsed.user,
        path,
        query,
        fragment,
        frozenset(noted),
    )


def _authority(written: str, noted: set[str]) -> Authority | None:
    """``user:password@host:port``; the last ``@`` counts, as for browsers."""
    if "%40" in written and "@" not in written:
        written = written.replace("%40", "@")
        noted.add(url_flags.HOST_ENCODED)
    user, at, place = written.rpartition("@")
    if at:
        noted.add(url_flags.HAS_USER)
    port = 0
    name, colon, digits = place.rpartition(":")
    if colon and "]" not in digits and (digits.isdecimal() or not digits):
        place = name
        if digits:
            port = int(digits) if len(digits) <= 5 and digits.isascii() else 65_536
            if port > 65_535:
                return None
            noted.add(url_flags.HAS_PORT)
    host = parse_host(place)
    return None if host is None else Authority(user.partition(":")[0], host, port)


def _parse_mail(scheme: str, rest: str, noted: set[str]) -> Url | None:
    address, _, query = rest.partition("?")
    if "%" in address:
        address = unquote(address, errors="replace")
    address = address.strip(" <>,;")
    user, at, domain = address.partition(",")[0].rpartition("@")
    if not at or not MAIL_USER.fullmatch(user):
        return None
    host = parse_host(domain[1:-1] if LITERAL.match(domain) else domain)
    if host is None or (host.flags & {url_flags.NUMERIC} and domain[:1] != "["):
        return None
    noted |= host.flags | {url_flags.HAS_USER}
    query = _decoded(query, url_flags.QUERY_ENCODED, noted)
    text = f"{scheme}:{user}@{host.name}"
    return Url(text, scheme, host.name, host.tld, 0, user, "", query, "", frozenset(noted))


def _parse_phone(scheme: str, rest: str, noted: set[str]) -> Url | None:
    number = "".join(char for char in unquote(rest[:256]) if char in "+0123456789*#")
    if len(number) < 3:
        return None
    return Url(f"{scheme}:{number}", scheme, "", "", path=number, flags=frozenset(noted))


def _decoded(part: str, flag: str, noted: set[str]) -> str:
    if "%" not in part:
        return part
    plain = unquote(part, errors="replace")
    if plain != part and flag:
        noted.add(flag)
    return plain
