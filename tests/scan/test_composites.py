# SPDX-License-Identifier: Apache-2.0
"""Which composites hold, and what they leave of the symbols they are made of."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.scan.actions import Action, ActionTable
from gatepost.scan.composites import Composite, Composites
from gatepost.scan.errors import ExpressionError
from gatepost.scan.result import Result
from gatepost.scan.symbol import Hit, Symbol, SymbolRegistry

SCORES = {"A": 5.0, "B": 2.0, "NEG": -0.5, "ZERO": 0.0, "LATE": 1.0}
GROUPS = {"pair": ("A", "B"), "mixed": ("A", "NEG", "ZERO")}


def registered(*composites, late=(), scores=None):
    registry = SymbolRegistry()
    for name, score in SCORES.items():
        groups = tuple(group for group, members in GROUPS.items() if name in members)
        registry.add(Symbol(name, score, groups=groups), check=name, group="other")
    for composite in composites:
        score = (scores or {}).get(composite.name, 0.0)
        registry.add(Symbol(composite.name, score), check=composite.name, group="composite")
    return Composites(composites, registry, late), registry


def outcome(composites, found, *, permits=None):
    """What the reply shows after the first pass, and the total."""
    applied, registry = registered(*composites)
    result = Result(registry, ActionTable([Action("reject", 15.0)]))
    for symbol in found:
        name, _, options = symbol.partition(":")
        result.insert(Hit(name, tuple(filter(None, options.split(",")))))
    applied.apply(result, permits)
    shown = {one.name: (one.score, one.metric_score) for one in result.visible()}
    return shown, result.score


def names(composites, found, **more):
    shown, _ = outcome(composites, found, **more)
    return {name for name in shown if name.startswith("C")}


@pytest.mark.parametrize(
    ("policy", "shown", "total"),
    [
        ("default", {}, 0.0),
        ("remove_all", {}, 0.0),
        ("remove_weight", {"A": (0.0, 5.0), "B": (0.0, 2.0)}, 0.0),
        ("remove_symbol", {}, 7.0),
        ("leave", {"A": (5.0, 5.0), "B": (2.0, 2.0)}, 7.0),
        ("remove_none", {"A": (5.0, 5.0), "B": (2.0, 2.0)}, 7.0),
    ],
)
def test_policy(policy, shown, total):
    found = outcome([Composite("C", "A & B", policy)], ["A", "B"])
    assert found == ({"C": (0.0, 0.0), **shown}, total)


@pytest.mark.parametrize(
    ("policy", "expression", "shown", "total"),
    [
        ("default", "A & -B", {"B": (2.0, 2.0)}, 2.0),
        ("default", "A & ~B", {"B": (0.0, 2.0)}, 0.0),
        ("remove_symbol", "A & ~B", {"B": (2.0, 2.0)}, 7.0),
        ("leave", "A & ^B", {"A": (5.0, 5.0)}, 5.0),
        ("leave", "A & ^-B", {"A": (5.0, 5.0)}, 5.0),
        ("default", "-A & -g:pair", {"A": (5.0, 5.0), "B": (2.0, 2.0)}, 7.0),
        ("default", "A & ~g:pair", {"A": (0.0, 5.0), "B": (0.0, 2.0)}, 0.0),
        ("default", "A & !(B & NO)", {"B": (2.0, 2.0)}, 2.0),
        ("default", "A | !B", {"B": (2.0, 2.0)}, 2.0),
    ],
)
def test_prefix_of_an_atom(policy, expression, shown, total):
    found = outcome([Composite("C", expression, policy)], ["A", "B"])
    assert found == ({"C": (0.0, 0.0), **shown}, total)


@pytest.mark.parametrize(
    ("expressions", "shown", "total"),
    [
        (["A", "-A"], {"A": (5.0, 5.0)}, 5.0),  # one that keeps is enough
        (["A", "~A"], {"A": (0.0, 5.0)}, 0.0),
        (["^A", "-A"], {}, 0.0),  # but `^` goes before it, whatever the order
        (["-A", "^A"], {}, 0.0),
        (["A", "-A & NO"], {}, 0.0),  # what does not hold has no say
    ],
)
def test_several_composites_on_one_symbol(expressions, shown, total):
    composites = [Composite(f"C{i}", text) for i, text in enumerate(expressions)]
    found, score = outcome(composites, ["A"])
    assert ({n: v for n, v in found.items() if n == "A"}, score) == (shown, total)


@pytest.mark.parametrize(
    ("expression", "found", "holds"),
    [
        ("A & B", ["A"], False),
        ("g:pair", ["B"], True),
        ("g:pair", ["NEG"], False),
        ("g+:mixed", ["NEG", "ZERO"], False),
        ("g+:mixed", ["A"], True),
        ("g-:mixed", ["NEG"], True),
        ("g-:mixed", ["A"], False),
        ("g:nobody", ["A"], False),
        ("!g:pair", ["NEG"], True),
        ("ZERO", ["ZERO"], True),
        ("ZERO + A >= 5", ["ZERO", "A"], True),
        ("A + B >= 2", ["A"], True),
        ("A + B >= 2", ["NEG"], False),
        ("NEG < 0", ["NEG"], True),
        ("NEG > 0", ["NEG"], False),
        ("g:mixed >= 0.5", ["NEG"], True),  # of a group the size counts, not the sign
        ("UNKNOWN", ["UNKNOWN"], True),
        ("A[x]", ["A:x,y"], True),
        ("A[x, y]", ["A:x,y"], True),
        ("A[x, z]", ["A:x,y"], False),
        ("A[/^Y$/i]", ["A:x,y"], True),
        ("A[/[a-c],?/, x]", ["A:x,b"], True),
        ("A[/^z/]", ["A:x,y"], False),
        ("A[x]", ["A"], False),
        ("A[]", ["A"], True),
        ("g:pair[x]", ["A", "B:x"], True),
    ],
)
def test_when_it_holds(expression, found, holds):
    assert names([Composite("C", expression)], found) == ({"C"} if holds else set())


def test_a_group_loses_only_the_symbols_that_match():
    shown, _ = outcome([Composite("C", "g:pair[x]")], ["A", "B:x"])
    assert set(shown) == {"A", "C"}


@pytest.mark.parametrize("turned", [False, True])
def test_composites_are_made_of_composites_in_any_order(turned):
    composites = [
        Composite("C1", "-C2 & !C3", "leave"),
        Composite("C2", "A & B", "leave"),
        Composite("C3", "C2 & NEG"),
    ]
    if turned:
        composites.reverse()
    assert names(composites, ["A", "B"]) == {"C1", "C2"}


def test_a_circle_is_cut():
    composites = [Composite("C1", "A & !C2"), Composite("C2", "A & !C1"), Composite("C3", "C3 | A")]
    assert len(names(composites, ["A"])) == 2


def test_a_chain_of_thousands_is_put_in_order():
    chain = [Composite(f"C{i}", f"-C{i + 1}") for i in range(3000)] + [Composite("C3000", "A")]
    assert len(names(chain, ["A"])) == 3001


def test_a_composite_that_is_in_its_own_group_is_no_trouble():
    composite = Composite("C", "g:composite | A")
    assert names([composite], ["A"]) == {"C"}


def test_settings_may_forbid_a_composite_and_those_on_it():
    composites = [Composite("C1", "-A"), Composite("C2", "-C1")]
    assert names(composites, ["A"], permits=lambda name: name != "C1") == set()
    assert names(composites, ["A"], permits=None) == {"C1", "C2"}


def test_what_rests_on_a_postfilter_waits_for_the_second_pass():
    composites = [
        Composite("C_LATE", "LATE & -A"),
        Composite("C_LATER", "-C_LATE"),
        Composite("C_EARLY", "-A"),
    ]
    applied, registry = registered(*composites, late=["LATE"])
    result = Result(registry, ActionTable([]))
    result.insert(Hit("A"))
    applied.apply(result, None)
    assert set(result.found) == {"A", "C_EARLY"}
    result.insert(Hit("LATE"))
    applied.apply_late(result, None)
    assert {one.name for one in result.visible()} == {"A", "C_EARLY", "C_LATE", "C_LATER"}


def test_depends_on_puts_it_into_the_second_pass_too():
    applied, registry = registered(Composite("C", "-A", depends_on=["LATE"]), late=["LATE"])
    result = Result(registry, ActionTable([]))
    result.insert(Hit("A"))
    applied.apply(result, None)
    assert "C" not in result
    applied.apply_late(result, None)
    assert "C" in result


def test_a_symbol_is_inserted_once_even_if_a_check_has_done_it():
    shown, _ = outcome([Composite("C", "A")], ["A", "C"])
    assert shown == {"A": (5.0, 5.0), "C": (0.0, 0.0)}


def test_a_message_that_is_skipped_has_no_composites():
    applied, registry = registered(Composite("C", "A"))
    result = Result(registry, ActionTable([]))
    result.insert(Hit("A"))
    result.skipped = True
    applied.apply(result, None)
    assert list(result.found) == ["A"]


def test_what_pleads_for_a_message_is_looked_for_to_the_end():
    _, registry = registered(
        Composite("C_GOOD", "A & !B"), Composite("C_BAD", "ZERO"), scores={"C_GOOD": -1.0}
    )
    assert registry.symbols["A"].fine
    assert not registry.symbols["B"].fine
    assert not registry.symbols["ZERO"].fine


@pytest.mark.parametrize("expression", ["A[/(/]", "A[/x/q]", "A &", "g:"])
def test_a_bad_expression_is_refused(expression):
    with pytest.raises(ExpressionError):
        Composite("C", expression)


def test_what_nobody_inserts_costs_nothing():
    composites = [Composite(f"C{i}", f"A & NOBODY{i} & (B | NO)") for i in range(2000)]
    applied, registry = registered(*composites)
    result = Result(registry, ActionTable([]))
    result.insert(Hit("A"))
    result.insert(Hit("B"))
    began = time.process_time()
    for _ in range(1000):
        applied.apply(result, None)
    assert time.process_time() - began < 0.05


ATOM = st.tuples(
    st.sampled_from(["", "-", "~", "^", "!", "^-", "!~"]),
    st.sampled_from(["A", "B", "NEG", "ZERO", "g:pair", "g+:mixed", "g-:mixed", "C0", "C1", "C2"]),
    st.sampled_from(["", "[x]", "[/y/]"]),
).map("".join)
EXPRESSION = st.lists(
    st.tuples(ATOM, st.sampled_from([" & ", " | ", " + "])).map("".join), min_size=1, max_size=6
).map(lambda parts: "".join(parts) + "A")
POLICY = st.sampled_from(["default", "remove_symbol", "remove_weight", "leave"])


@given(
    st.lists(st.tuples(EXPRESSION, POLICY), min_size=1, max_size=4),
    st.lists(st.sampled_from(["A", "B:x", "NEG:y", "ZERO:x,y"]), unique=True),
)
def test_the_total_is_what_the_symbols_add_up_to(composites, found):
    made = [Composite(f"C{i}", text, policy) for i, (text, policy) in enumerate(composites)]
    applied, registry = registered(*made)
    result = Result(registry, ActionTable([]))
    for symbol in found:
        name, _, options = symbol.partition(":")
        result.insert(Hit(name, tuple(filter(None, options.split(",")))))
    applied.apply(result, None)
    assert result.score == pytest.approx(sum(one.score for one in result.found.values()))
    assert all(one.score in (0.0, one.metric_score) for one in result.found.values())
