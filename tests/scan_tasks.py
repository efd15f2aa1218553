# SPDX-License-Identifier: Apache-2.0
"""A task as the scanner hands it to settings, modules that always hit, and sections gone wrong."""

import json
from ipaddress import ip_network

from hypothesis import strategies as st

from gatepost.mail import Message
from gatepost.net import TaskResolver
from gatepost.scan.actions import Action, ActionTable
from gatepost.scan.direction import direction_of
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.module import Module, RunAlways, Stage, runs
from gatepost.scan.result import Result
from gatepost.scan.symbol import SymbolRegistry
from gatepost.scan.task import Task
from gatepost.testing import Letter, mail, zone
from gatepost.ucl import Object, parse

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


def module_of(name, group, *symbols, stage=Stage.FILTER, callback="", extra=False):
    """A module that always finds all of its symbols; ``extra``: with a check that has none."""

    def check(self, task):
        for symbol in symbols:
            yield symbol()

    def follow_up(self, task):
        task.variables[f"{name} followed"] = True

    body = {
        "name": name,
        "group": group,
        "outbound": RunAlways(),
        "symbols": lambda self: list(symbols),
        "check": runs(stage, callback=callback or symbols[0].name)(check),
    }
    if extra:
        body["follow_up"] = runs(Stage.IDEMPOTENT, callback=f"{name.upper()}_UPDATE")(follow_up)
    return type(name.title(), (Module,), body)


def sections(*keys: str) -> st.SearchStrategy[Object]:
    """Sections with these keys in any place and anything in them, as if written in a file."""
    leaf = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**40), 2**40),
        st.sampled_from(["A & B", "leave", "/x/", "map:n", "@x", "high", "10.0.0.0/8", "nan", "1"]),
        st.text(max_size=5),
    )
    names = st.sampled_from([*keys, "name", "x"])
    anything = st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=10,
    )
    trees = st.dictionaries(names, anything, max_size=4)
    return trees.map(lambda tree: parse(json.dumps(tree), "t.conf"))
