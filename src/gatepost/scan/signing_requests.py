# SPDX-License-Identifier: Apache-2.0
"""Keys that need no choice: they come with the request, or a function of the operator's gives them.

Neither asks for direction or domain: whoever may scan may have signed what he likes, with a key
of his own, once ``use_http_headers`` is on.

Source: direction-modules reference §6, steps 1 and 2.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

from gatepost.scan.signing_domain import dns_name
from gatepost.scan.signing_eligibility import decline
from gatepost.scan.signing_keys import KeyChoice, SigningKey, key_place
from gatepost.scan.signing_options import SigningOptions
from gatepost.scan.task import Task

MAX_SIGNATURES = 100

Condition = Callable[[Task], Any]


def find_requested(
    task: Task, options: SigningOptions, *, rejected: str
) -> list[SigningKey] | None:
    """What the request headers want signed; ``None``: go on with the other steps."""
    ask = task.envelope.header
    domain, selector = ask(options.http_domain_header), ask(options.http_selector_header)
    key = ask(options.http_key_header)
    if ask(options.http_sign_header) is None or not domain or not selector or not key:
        if options.allow_headers_fallback:
            return None
        decline(task, "the request does not ask for it")
        return []
    on_reject = ask(options.http_sign_on_reject_header_header)
    if task.has(rejected) and (on_reject is None or on_reject.strip().lower() in ("0", "false")):
        decline(task, "%s was found", rejected)
        return []
    domain, selector = dns_name(domain.strip()), selector.strip()
    if not domain or not dns_name(selector):
        task.log(logging.WARNING, "not signed: the request names no domain and selector")
        return []
    return [SigningKey(domain=domain, selector=selector, text=key)]


async def ask_condition(task: Task, condition: Condition, choice: KeyChoice) -> list[SigningKey]:
    """What the operator's function gives: nothing, a dict, or a list of them.

    A dict has ``domain``, ``selector`` and ``key`` (a path, or the key itself) or ``rawkey``,
    and may have ``expire`` (seconds).
    """
    answer = condition(task)
    if inspect.isawaitable(answer):
        answer = await answer
    if not answer:
        decline(task, "sign_condition says no")
        return []
    given = answer if isinstance(answer, list | tuple) else [answer]
    found: list[SigningKey] = []
    for one in given[:MAX_SIGNATURES]:
        key = _read(one, choice)
        if key is None:
            task.log(logging.ERROR, "sign_condition: expected domain, selector and key")
        else:
            found.append(key)
    return found


def _read(given: object, choice: KeyChoice) -> SigningKey | None:
    if not isinstance(given, Mapping):
        return None
    domain, selector = dns_name(str(given.get("domain") or "")), str(given.get("selector") or "")
    raw, key = given.get("rawkey"), str(given.get("key") or "")
    place = key_place(selector, key)
    if raw:
        place.path, place.text = None, as_key_text(raw)
    expire = given.get("expire")
    if not domain or not selector or not (raw or key):
        return None
    if expire is not None and (isinstance(expire, bool) or not isinstance(expire, int | float)):
        return None
    return choice.complete(place, domain, expire=None if expire is None else int(expire))


def as_key_text(raw: object) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
