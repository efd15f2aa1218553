# SPDX-License-Identifier: Apache-2.0
"""A task as the scanner hands it to settings, without a scanner."""

from ipaddress import ip_network

from gatepost.mail import Message
from gatepost.net import TaskResolver
from gatepost.scan.actions import Action, ActionTable
from gatepost.scan.direction import direction_of
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.result import Result
from gatepost.scan.symbol import SymbolRegistry
from gatepost.scan.task import Task
from gatepost.testing import Letter, mail, zone

LOCAL = ip_network("10.0.0.0/8")
ACTIONS = ActionTable([Action("reject", 15.0), Action("add header", 6.0), Action("greylist", 4.0)])


def task_of(letter: Letter | None = None, *, peer: str = "", registry=None) -> Task:
    """The letter with its envelope, its direction, and nothing found; 10.0.0.0/8 is local."""
    letter = letter or mail()
    envelope = parse_envelope(letter.headers, peer=peer)
    local = envelope.ip is not None and envelope.ip in LOCAL
    return Task(
        Message(letter.raw),
        envelope,
        result=Result(registry or SymbolRegistry(), ACTIONS),
        resolver=TaskResolver(zone(), 64),
        store=None,
        direction=direction_of(local=local, authenticated=bool(envelope.user)),
    )
