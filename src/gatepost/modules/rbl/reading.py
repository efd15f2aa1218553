# SPDX-License-Identifier: Apache-2.0
"""The rules as the configuration writes them: ``rbls``, ``rules``, and the older sections.

``surbl`` and ``emails`` were modules of their own once; their rules are rules of this one under
older names. Source: direction-modules reference §16; core reference §1.5, end.
"""

from __future__ import annotations

from collections.abc import Callable

from gatepost.config import Configuration, Problems
from gatepost.ucl import Array, Object, Value

SURBL_NAMES = {"suffix": "rbl", "ips": "returncodes", "bits": "returnbits", "noip": "no_ip"}
EMAILS_NAMES = {
    "dnsbl": "rbl",
    "check_replyto": "replyto",
    "hashlen": "hash_len",
    "encoding": "hash_format",
    "domain_only": "emails_domainonly",
    "delimiter": "emails_delimiter",
}
OLDER_KEYS = frozenset(("rules", "whitelist", "enabled", "disabled"))


def read_rules(section: Object, config: Configuration, problems: Problems) -> dict[str, Object]:
    """All rules by name. One in ``rules`` or in an older section goes before one in ``rbls``."""
    found: dict[str, Object] = {}
    for key in ("rbls", "rules"):
        for name, rule in _sections(section.get(key), f"rbl.{key}", section, problems):
            found[name] = _merged(found.get(name), rule)
    for older, convert in (("surbl", _surbl), ("emails", _emails)):
        body = config.section(older)
        if body.get("enabled") is False or body.get("disabled") is True:
            continue
        for key in body:
            if key not in OLDER_KEYS:
                problems.warning(body.place(key), f"{older}.{key}: not read, see the rules of rbl")
        for name, rule in _sections(body.get("rules"), f"{older}.rules", body, problems):
            if "whitelist" in body:
                rule = _merged(Object({"whitelist": body["whitelist"]}), rule)
            found[name] = _merged(found.get(name), convert(name, rule))
    return found


def _sections(
    value: Value, path: str, owner: Object, problems: Problems
) -> list[tuple[str, Object]]:
    holders = value if isinstance(value, Array) and value.implicit else [value]
    found: list[tuple[str, Object]] = []
    for holder in holders:
        if holder is None:
            continue
        if not isinstance(holder, Object):
            problems.error(owner.place(path.rpartition(".")[2]), f"{path}: expected NAME {{ … }}")
            continue
        for name, rule in holder.items():
            if isinstance(rule, Array) and rule.implicit:
                parts = [part for part in rule if isinstance(part, Object)]
                found.extend((name, part) for part in parts)
            elif isinstance(rule, Object):
                found.append((name, rule))
            else:
                problems.error(holder.place(name), f"{path}.{name}: expected a section {{ … }}")
    return found


def _merged(under: Object | None, over: Object) -> Object:
    if under is None:
        return over
    merged = Object(under, origin=over.origin)
    merged.marks.update(under.marks)
    merged.update(over)
    merged.marks.update(over.marks)
    return merged


def _renamed(rule: Object, name_of: Callable[[str], str]) -> Object:
    found = Object(origin=rule.origin)
    for key, value in rule.items():
        name = name_of(key)
        found[name] = value
        if key in rule.marks:
            found.marks[name] = rule.marks[key]
    return found


def _surbl(name: str, rule: Object) -> Object:
    """A rule of ``surbl``: URLs, and whatever ``check_`` adds."""
    found = _renamed(rule, lambda key: SURBL_NAMES.get(key, key.removeprefix("check_")))
    if found.pop("options", None) in ("noip", "no_ip"):
        found["no_ip"] = True
    found.setdefault("urls", True)
    found.setdefault("ignore_defaults", True)
    if found.get("dkim"):
        found["dkim_domainonly"] = False
        found["dkim_match_from"] = True
    if found.get("emails"):
        found["emails_domainonly"] = True
    return found


def _emails(name: str, rule: Object) -> Object:
    """A rule of ``emails``: addresses in the text, or with ``skip_body`` only in Reply-To."""
    found = _renamed(rule, lambda key: EMAILS_NAMES.get(key, key))
    skip_body = bool(found.pop("skip_body", False))
    expected = found.pop("expect_ip", None)
    found["emails"] = not skip_body
    if skip_body:
        found["replyto"] = True
    found.setdefault("ignore_defaults", True)
    if expected is not None:
        symbol = found.get("symbol", name)
        found["returncodes"] = Object({str(symbol): expected})
    return found
