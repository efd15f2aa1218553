# SPDX-License-Identifier: Apache-2.0
"""The five selectors: what each looks at, and what it makes of what is known of that.

Source: direction-modules reference §20, the table of selectors and Score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from gatepost.modules.reputation.options import (
    DkimOptions,
    GenericOptions,
    IpOptions,
    SelectorOptions,
    SpfOptions,
    UrlOptions,
)
from gatepost.modules.reputation.scoring import LEAST, Standing, shown
from gatepost.modules.reputation.tokens import (
    Token,
    masked,
    selector_tokens,
    sender_tokens,
    signer_tokens,
    signers,
    spf_of,
    spf_token,
    url_domains,
    url_tokens,
)
from gatepost.scan.envelope import IPAddress
from gatepost.scan.maps import Map
from gatepost.scan.selectors import Selector
from gatepost.scan.task import Task

Known = Sequence[tuple[Token, Standing]]
"""Tokens of which something is known."""
Weigh = Callable[[Standing], float]
Options = TypeVar("Options", bound=SelectorOptions)


class Finding(NamedTuple):
    """One insertion of the rule's symbol: its weight and its option.

    ``sum`` is what the weight was made of, where a postfilter needs it.
    """

    weight: float
    option: str
    sum: float = 0.0


class Kind(Generic[Options]):
    """A selector of one rule. ``excluded`` are lists of what has no reputation.

    ``after`` names the checks whose verdicts it needs, ``by_address`` says that a whitelist of
    the rule has clients' addresses.
    """

    after: tuple[str, ...] = ()
    by_address = False

    def __init__(self, options: Options, excluded: Sequence[Map] = ()) -> None:
        self.options = options
        self.excluded = excluded

    def tokens(self, task: Task) -> list[Token]:
        """What in this letter has a reputation; empty where it has none."""
        found = self.find(task)
        if not self.excluded:
            return found
        return [token for token in found if not self._is_excluded(token)]

    def find(self, task: Task) -> list[Token]:
        """The same before ``excluded``."""
        raise NotImplementedError

    def findings(self, known: Known, weigh: Weigh) -> list[Finding]:
        """What to insert: each token for itself, unless it says next to nothing."""
        weights = [weigh(standing) for _, standing in known]
        return [Finding(weight, shown(weight)) for weight in weights if abs(weight) > LEAST]

    def wanted(self, tokens: list[Token]) -> list[Token]:
        """Those whose reputation counts for this letter; all are learnt."""
        return tokens

    def owners(self, task: Task) -> Iterable[str | IPAddress]:
        """What a whitelist of the rule is asked for."""
        return () if task.ip is None else (task.ip,)

    def _is_excluded(self, token: Token) -> bool:
        return any(token.label in one or token.name in one for one in self.excluded)


class SenderKind(Kind[IpOptions]):
    """``ip``: the client's network, its autonomous system, its country; not of trial scans."""

    by_address = True

    def __init__(
        self,
        options: IpOptions,
        excluded: Sequence[Map] = (),
        harmless: Sequence[Map] = (),
        is_local: Callable[[IPAddress], bool] = lambda _: False,
    ) -> None:
        super().__init__(options, excluded)
        self.harmless = harmless
        self.is_local = is_local

    def tokens(self, task: Task) -> list[Token]:
        """All or none: what is excluded is the client, or where it is."""
        ip, options = task.ip, self.options
        if ip is None or task.is_rspamc:
            return []
        if task.envelope.ip_guessed and self.is_local(ip):
            return []  # anybody can say that he is one of us
        if any(ip in one or masked(ip, options) in one for one in self.excluded):
            return []
        found = sender_tokens(task, options)
        places = [token.name for token in found if token.address is None]
        if any(place in one for one in self.harmless for place in places):
            return []
        return found

    def findings(self, known: Known, weigh: Weigh) -> list[Finding]:
        """The sum of the parts, each as much as its share."""
        weights = [(token, weigh(standing) * token.share) for token, standing in known]
        total = sum(weight for _, weight in weights)
        if not abs(total) > LEAST:
            return []
        parts = [f"{token.label}: {token.name}({weight:.2f})" for token, weight in weights]
        return [Finding(total, ", ".join(parts))]


class SpfKind(Kind[SpfOptions]):
    """``spf``: the record that the client passed."""

    after = ("SPF_CHECK",)

    def find(self, task: Task) -> list[Token]:
        """One token, or none without a pass."""
        token = spf_token(task)
        return [] if token is None else [token]

    def owners(self, task: Task) -> Iterable[str]:
        """The domain that SPF was asked about, and that of the envelope sender."""
        found = spf_of(task)
        domains = (found.domain.lower() if found is not None else "", task.sender_domain)
        return [domain for domain in domains if domain]


class DkimKind(Kind[DkimOptions]):
    """``dkim``: the domains that signed. Signatures that do not hold are learnt, not judged."""

    after = ("DKIM_CHECK",)

    def find(self, task: Task) -> list[Token]:
        """One token for each domain and how it fared."""
        return signer_tokens(task)

    def wanted(self, tokens: list[Token]) -> list[Token]:
        """Anybody can put somebody else's name into a signature that does not hold."""
        return [token for token in tokens if token.name == f"{token.label}.a"]

    def findings(self, known: Known, weigh: Weigh) -> list[Finding]:
        """Their sum within 1, even where it is 0."""
        total = sum(weigh(standing) for _, standing in known)
        weight = min(max(total, -1.0), 1.0)
        return [Finding(weight, shown(weight), total)]

    def owners(self, task: Task) -> Iterable[str]:
        """The domains that signed, however they fared."""
        return signers(task)


class UrlKind(Kind[UrlOptions]):
    """``url``: the domains that most links lead to."""

    def find(self, task: Task) -> list[Token]:
        """At most ``max_urls`` tokens."""
        return url_tokens(task, self.options.max_urls)

    def findings(self, known: Known, weigh: Weigh) -> list[Finding]:
        """Their sum; as rspamd, each counts by its URLs in this letter, divided by how many
        letters the best known of them was in."""
        most = max((standing.letters for _, standing in known), default=0.0)
        if most <= 0:
            return []
        total = sum(weigh(standing) * token.share / most for token, standing in known)
        return [Finding(total, shown(total))] if abs(total) > LEAST else []

    def owners(self, task: Task) -> Iterable[str]:
        """All domains of links, not only those that are looked at."""
        return url_domains(task)


class GenericKind(Kind[GenericOptions]):
    """``generic``: each value of a selector; a user's name, say."""

    by_address = True

    def __init__(
        self, options: GenericOptions, selector: Selector, excluded: Sequence[Map] = ()
    ) -> None:
        super().__init__(options, excluded)
        self.selector = selector

    def find(self, task: Task) -> list[Token]:
        """One token a value."""
        return selector_tokens(task, self.selector)
