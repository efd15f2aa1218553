# SPDX-License-Identifier: Apache-2.0
"""May we sign for who sent this letter? Directions, pre-results, settings: before any domain.

Source: direction-modules reference §6, steps 3 to 5.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from gatepost.scan.direction import ADAPT, RUN, Direction, Ruling
from gatepost.scan.maps import Map
from gatepost.scan.signing_options import SigningOptions
from gatepost.scan.task import Task

NEVER_SENT = frozenset({"reject", "soft reject", "discard"})


class Origin(NamedTuple):
    """Where a letter that may be signed comes from.

    ``in_networks``: the client is in ``sign_networks``, and that is why it may be signed.
    ``outbound``: we answer for the sender; not so for inbound mail that is signed as such.
    """

    local: bool
    authenticated: bool
    in_networks: bool
    outbound: bool


def rule(direction: Direction, options: SigningOptions) -> Ruling:
    """Whether anything can be signed in this direction: what ``gatepost directions`` prints.

    Networks, a condition of the operator's and request headers are looked at in each message.
    """
    asks = (
        options.sign_networks is not None
        or options.sign_condition is not None
        or options.use_http_headers
    )
    if not direction.outbound:
        on = options.sign_inbound or asks
        return RUN if on else Ruling("skip", "inbound", "sign_inbound")
    if asks or (direction.authenticated and options.sign_authenticated):
        return ADAPT
    if direction.local:
        return ADAPT if options.sign_local else Ruling("skip", "local", "sign_local")
    return Ruling("skip", "authenticated", "sign_authenticated")


def find_origin(task: Task, options: SigningOptions, networks: Map | None) -> Origin | None:
    """Why the letter may be signed; ``None``: it may not, which the log says."""
    why_not = _stopped(task, options) or _bad_sender(task, options)
    if why_not:
        decline(task, why_not)
        return None
    user, local = task.direction.authenticated, task.direction.local
    if options.sign_authenticated and user:
        return Origin(local, user, in_networks=False, outbound=True)
    if networks is not None and _is_in(networks, task):
        return Origin(local, user, in_networks=True, outbound=True)
    if options.sign_local and local:
        return Origin(local, user, in_networks=False, outbound=True)
    if options.sign_inbound and not local and not user:
        return Origin(local, user, in_networks=False, outbound=False)
    decline(task, "nobody that we sign for")
    return None


def decline(task: Task, why: str, *args: object) -> None:
    """Notes why a letter is not signed."""
    task.log(logging.DEBUG, "not signed: " + why, *args)


def _is_in(networks: Map, task: Task) -> bool:
    """An address that was read in the letter itself proves nothing."""
    return task.ip is not None and not task.envelope.ip_guessed and task.ip in networks


def _stopped(task: Task, options: SigningOptions) -> str:
    forced = task.pre_result
    if forced is None:
        return ""
    if forced.action in NEVER_SENT:
        return "it is not sent on"
    return "it is spam" if options.skip_spam_sign and forced.action != "no action" else ""


def _bad_sender(task: Task, options: SigningOptions) -> str:
    settings_id = task.settings.id
    if settings_id in options.forbidden_ids:
        return "forbidden_ids has its settings id"
    if options.allowed_ids and settings_id not in options.allowed_ids:
        return "allowed_ids has not its settings id"
    if not options.allow_envfrom_empty and (task.sender is None or not task.sender.addr):
        return "no envelope sender"
    if not options.allow_hdrfrom_multiple and len(task.message.from_) > 1:
        return "more than one author"
    return ""
