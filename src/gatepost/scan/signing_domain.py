# SPDX-License-Identifier: Apache-2.0
"""For which domain is this letter signed, and do its sender, author and user agree with that?

All names here are as they are asked for in the DNS: lower case, A-labels. A name that nobody
could ask for is none, so a hostile From can't lead a path of keys astray.

Source: direction-modules reference §6, steps 7 to 10.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gatepost.mail import registrable_domain
from gatepost.net import find_query_name
from gatepost.scan.signing_eligibility import Origin, decline
from gatepost.scan.signing_options import SigningOptions
from gatepost.scan.task import Task

PLAIN = re.compile(r"[a-z0-9_.-]+")
"""What may stand in the name of a file that holds a key."""

CustomDomain = Callable[[Task], object]


def find_domain(
    task: Task, origin: Origin, options: SigningOptions, custom: CustomDomain | None = None
) -> str | None:
    """The domain to sign for; ``None``: not signed, which the log says."""
    domain = _owned(_chosen(task, origin, options, custom), options)
    if not domain:
        decline(task, "no domain to sign for")
        return None
    author = _owned(find_author_domain(task), options)
    sender = _owned(dns_name(task.sender_domain), options)
    if author and sender and author != sender and not _may_differ(origin, options):
        decline(task, "the author's domain %s is not the sender's %s", author, sender)
        return None
    if task.user is not None and not options.allow_username_mismatch:
        users = _owned(dns_name(task.user_domain or ""), options)
        if users != domain:
            decline(task, "the user's domain %s is not %s", users or "(none)", domain)
            return None
    return domain


def find_author_domain(task: Task) -> str:
    """The domain of the first author, empty if there is none."""
    return dns_name(task.from_domain)


def dns_name(domain: str) -> str:
    """``domain`` as it is asked for in the DNS, empty if it can't be."""
    name = find_query_name(domain)
    return name if name is not None and PLAIN.fullmatch(name) else ""


def _chosen(
    task: Task, origin: Origin, options: SigningOptions, custom: CustomDomain | None
) -> str:
    if origin.in_networks and options.use_domain_sign_networks is not None:
        return _named(task, options.use_domain_sign_networks)
    if origin.local and options.use_domain_sign_local is not None:
        return _named(task, options.use_domain_sign_local)
    inbound = not origin.local and not origin.authenticated
    if inbound and options.use_domain_sign_inbound is not None:
        return _named(task, options.use_domain_sign_inbound)
    if custom is not None:
        return dns_name(str(custom(task) or ""))
    return _named(task, options.use_domain)


def _named(task: Task, word: str) -> str:
    match word:
        case "header":
            return find_author_domain(task)
        case "envelope":
            return dns_name(task.sender_domain)
        case "auth":
            return dns_name(task.user_domain or "")
        case "recipient":
            recipients = task.recipients
            return dns_name(recipients[0].domain) if recipients else ""
        case _:
            return dns_name(word)


def _owned(domain: str, options: SigningOptions) -> str:
    return registrable_domain(domain) if options.use_esld else domain


def _may_differ(origin: Origin, options: SigningOptions) -> bool:
    return (
        options.allow_hdrfrom_mismatch
        or (options.allow_hdrfrom_mismatch_local and origin.local)
        or (options.allow_hdrfrom_mismatch_sign_networks and origin.in_networks)
    )
