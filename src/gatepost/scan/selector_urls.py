# SPDX-License-Identifier: Apache-2.0
"""Extractors of URLs and mail addresses in the letter, and the choice of those that tell most.

Source: content reference §5.4; flags: §1.8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from gatepost.mail import Url
from gatepost.scan.maps import Map
from gatepost.scan.selector_arguments import Arguments
from gatepost.scan.selector_methods import METHODS
from gatepost.scan.selector_values import (
    MAX_VALUES,
    Extraction,
    Extractor,
    Shape,
    map_texts,
    plain,
    text_of_url,
)
from gatepost.scan.task import Task

FLAGS = frozenset(
    (
        *("phished", "html_displayed", "display_url", "obscured", "zw_spaces", "unnormalised"),
        *("numeric", "no_tld", "idn", "has_port", "has_user", "schemaless", "missing_slashes"),
        *("schema_encoded", "host_encoded", "path_encoded", "query_encoded", "truncated"),
        *("from_text", "subject", "query", "image", "content", "invisible", "redirected"),
        *("redirect_target", "special"),
    )
)
ELSEWHERE = frozenset(("image", "content"))
"""Of pictures and of files: not what a reader could follow, so only for who asks."""
TELLING = ("phished", "obscured", "zw_spaces", "numeric", "has_user", "no_tld", "redirected")
"""Flags of URLs that somebody disguised: these are chosen first."""
OPTIONS = (
    *("limit", "esld_limit", "flags", "exclude_flags", "flags_mode", "prefix", "need_content"),
    *("need_emails", "need_images", "ignore_redirected", "ignore_ip", "no_cache"),
)


def read_urls(task: Task) -> list[Url]:
    return [url for url in task.message.urls if not url.flags & ELSEWHERE]


def read_emails(task: Task) -> list[Url]:
    return [url for url in task.message.url_set if url.scheme == "mailto"]


def build_urls(read: Callable[[Task], list[Url]]) -> Callable[[Arguments], Extraction]:
    """URLs, or with an argument what a method of theirs gives."""

    def build(arguments: Arguments) -> Extraction:
        if not len(arguments):
            return Extraction(read, Shape("url", many=True))
        method = METHODS["url"][arguments.choice(0, METHODS["url"])].read

        def read_method(task: Task) -> list[str]:
            found: list[str] = []
            for url in read(task)[:MAX_VALUES]:
                value = plain(method(url))
                found.extend([value] if isinstance(value, str) else value or [])
            return found

        return Extraction(read_method, Shape("string", many=True))

    return build


def build_filtered(arguments: Arguments) -> Extraction:
    wanted, unwanted = arguments.words(0, FLAGS), arguments.words(1, FLAGS)

    def read(task: Task) -> list[Url]:
        return [
            url
            for url in task.message.urls
            if (not wanted or url.flags & wanted) and not url.flags & unwanted
        ]

    return Extraction(read, Shape("url", many=True))


class Choice(NamedTuple):
    """Which URLs tell most: at most ``limit``, and of one eSLD at most ``esld_limit``.

    ``flags``: one of these must be set; with ``explicit`` all of them, and no others.
    """

    limit: int
    esld_limit: int
    flags: frozenset[str]
    unwanted: frozenset[str]
    explicit: bool
    emails: bool
    ignore_ip: bool

    def admits(self, url: Url) -> bool:
        if url.flags & self.unwanted or (self.ignore_ip and "numeric" in url.flags):
            return False
        if self.explicit:
            return url.flags == self.flags
        return not self.flags or bool(url.flags & self.flags)

    def of(self, urls: Iterable[Url]) -> list[Url]:
        """The disguised ones first, then such that each eSLD has its turn; order of the letter
        otherwise."""
        admitted = [url for url in urls if self.admits(url)]
        turns: Counter[str] = Counter()
        ranked: list[tuple[bool, int, Url]] = []
        for url in admitted:
            turn = turns[url.tld]
            if turn < self.esld_limit:
                turns[url.tld] = turn + 1
                ranked.append((url.flags.isdisjoint(TELLING), turn, url))
        ranked.sort(key=lambda row: row[:2])
        return [url for _, _, url in ranked[: self.limit]]


def read_choice(arguments: Arguments, index: int) -> tuple[Choice, str]:
    """The options of ``specific_urls`` at ``index``, and the prefix for their texts."""
    table = arguments.table(index, OPTIONS)
    if table.text("flags_mode") not in ("", "explicit"):
        raise arguments.error("`explicit` as `flags_mode`", table.text("flags_mode"))
    flags = table.words("flags", FLAGS)
    unwanted = set(table.words("exclude_flags", FLAGS))
    for option, flag in (("need_content", "content"), ("need_images", "image")):
        if not table.flag(option) and flag not in flags:
            unwanted.add(flag)
    if table.flag("ignore_redirected"):
        unwanted.add("redirected")
    choice = Choice(
        limit=table.number("limit", MAX_VALUES),
        esld_limit=table.number("esld_limit", MAX_VALUES),
        flags=flags,
        unwanted=frozenset(unwanted),
        explicit=table.text("flags_mode") == "explicit",
        emails=table.flag("need_emails"),
        ignore_ip=table.flag("ignore_ip"),
    )
    table.flag("no_cache")  # Rspamd's; nothing is cached here
    return choice, table.text("prefix")


def build_specific(arguments: Arguments) -> Extraction:
    choice, prefix = read_choice(arguments, 0)
    return specific(choice, prefix, lambda url: True)


def build_specific_in_map(arguments: Arguments) -> Extraction:
    found = arguments.map(0)
    choice, prefix = read_choice(arguments, 1)
    return specific(choice, prefix, lambda url: is_listed(url, found))


def is_listed(url: Url, listed: Map) -> bool:
    """True when the map has the URL, its host or its eSLD."""
    return any(key in listed for key in (url.text, url.host, url.tld) if key)


def specific(choice: Choice, prefix: str, admits: Callable[[Url], bool]) -> Extraction:
    def read(task: Task) -> list[Url]:
        urls = task.message.url_set if choice.emails else task.message.urls
        return choice.of(url for url in urls if admits(url))

    if not prefix:
        return Extraction(read, Shape("url", many=True))
    prefixed = map_texts(lambda text: prefix + text, "string")
    return Extraction(
        lambda task: prefixed([text_of_url(url) for url in read(task)]), Shape("string", many=True)
    )


URLS: dict[str, Extractor] = {
    "urls": Extractor(
        "[method]", "the URLs, without those of pictures and files", build_urls(read_urls)
    ),
    "urls_filtered": Extractor(
        "[{flag, …}[, {flag, …}]]",
        "all URLs with one of the first flags and none of the second",
        build_filtered,
    ),
    "specific_urls": Extractor(
        "[{limit = n, esld_limit = n, …}]", "the URLs that tell most", build_specific
    ),
    "specific_urls_filter_map": Extractor(
        "map[, {limit = n, …}]",
        "the same, of those that are in the map by URL, host or eSLD",
        build_specific_in_map,
    ),
    "emails": Extractor(
        "[method]", "the mail addresses in texts and links", build_urls(read_emails)
    ),
}
