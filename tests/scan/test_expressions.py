# SPDX-License-Identifier: Apache-2.0
"""What an expression is worth, for which atoms it waits, and what is said of a bad one."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.scan.errors import ExpressionError
from gatepost.scan.expressions import MAX_ATOMS, parse_expression

SCORES = {"A": 5.0, "B": 2.0, "NEG": -0.5, "ZERO": 16e-5}


def value(text, scores=SCORES):
    expression = parse_expression(text)
    return expression.evaluate(lambda i: scores.get(expression.atoms[i].text.lstrip("-~^"), 0.0))


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("A", 5.0),
        ("NO", 0.0),
        ("!NO", 1.0),
        ("!A", 0.0),
        ("! ! A", 1.0),
        ("A & B", 2.0),
        ("A && NO", 0.0),
        ("A and B", 2.0),
        ("A AND NO", 0.0),
        ("NO | B", 2.0),
        ("NO || NO", 0.0),
        ("NO or A", 5.0),
        ("not NO", 1.0),
        ("not(A)", 0.0),
        ("A + B", 7.0),
        ("A - B", 3.0),
        ("A - B - 0.5", 3.5),  # A - (B - 0.5): equal ranks group to the right
        ("A / B / 2", 5.0),
        ("A * B + 1", 11.0),
        ("1 + A * B", 11.0),
        ("A / NO", 0.0),
        ("A + B >= 7", 1.0),
        ("A + B > 7", 0.0),
        ("A = 5", 1.0),
        ("A == 5", 1.0),
        ("A != 5", 0.0),
        ("B < A", 1.0),
        ("B <= 1.5", 0.0),
        ("NEG < 0", 1.0),
        ("NEG & A", 5.0),  # a negative score is as true as a positive one
        ("ZERO + A + B >= 3", 1.0),  # scores are summed, symbols are not counted
        ("ZERO + ZERO + ZERO >= 3", 0.0),
        ("A & B | NO", 2.0),
        ("NO & B | A", 5.0),
        ("NO & (B | A)", 0.0),
        ("A + B > 3 & NO", 0.0),
        ("!NO & A", 5.0),
        ("!(A & NO)", 1.0),
        ("A & -B", 2.0),
        ("-A", 5.0),
        (".5 + 1.", 1.5),
        ("-2 + A", 3.0),
        ("A\n & \tB ", 2.0),
    ],
)
def test_value(text, worth):
    assert value(text) == pytest.approx(worth)


@pytest.mark.parametrize(
    ("text", "atoms"),
    [
        ("A & -B & ~C & ^D", ["A", "-B", "~C", "^D"]),
        ("^-A | g:mua & ~g-:policies & -g+:rbl", ["^-A", "g:mua", "~g-:policies", "-g+:rbl"]),
        ("A[one, two]|B", ["A[one, two]", "B"]),
        (r"A[/[a-z],\]/i, x] & B", [r"A[/[a-z],\]/i, x]", "B"]),
        ("FROM_mail.ru & X:1", ["FROM_mail.ru", "X:1"]),
        ("ANDROID | ORDER & NOTHING", ["ANDROID", "ORDER", "NOTHING"]),
    ],
)
def test_atoms(text, atoms):
    assert [atom.text for atom in parse_expression(text).atoms] == atoms


def test_what_stands_under_a_not_at_any_depth_is_negated():
    atoms = parse_expression("A & !(B | !C) & D").atoms
    assert [atom.text for atom in atoms if atom.negated] == ["B", "C"]


@pytest.mark.parametrize(
    ("text", "waits_for"),
    [
        ("A & B", [{"A"}, {"B"}]),
        ("A & !B", [{"A"}]),
        ("A | B", [{"A", "B"}]),
        ("(A | B) & C & !D", [{"A", "B"}, {"C"}]),
        ("A | B & C", [{"A", "B"}]),
        ("!A", []),
        ("A | !B", []),
        ("A + B >= 2", [{"A", "B"}]),
        ("A + B < 2", []),
        ("A >= 0", []),
        ("1", []),
        ("!(!A)", [{"A"}]),
    ],
)
def test_it_is_false_until_one_of_each_set_of_atoms_holds(text, waits_for):
    expression = parse_expression(text)
    found = [{expression.atoms[i].text for i in triggers} for triggers in expression.triggers]
    assert sorted(found, key=sorted) == sorted(waits_for, key=sorted)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected an atom at character 1, found the end in ``"),
        ("A &", "expected an atom at character 4, found the end in `A &`"),
        ("A B", "expected an operator at character 2, found `B` in `A B`"),
        ("A -B", "expected an operator at character 2, found `-B` in `A -B`"),
        ("(A | B", "expected `)` at character 7, found the end in `(A | B`"),
        ("A)", "expected an operator at character 2, found `)` in `A)`"),
        ("& A", "expected an atom at character 1, found `& A` in `& A`"),
        ("A[/x", "expected an operator at character 2, found `[/x` in `A[/x`"),
        ("(" * 40 + "A" + ")" * 40, "expression is nested deeper than 32"),
        ("A" * 70_000, "expression is longer than 65536 characters"),
        (" | ".join("A" * (MAX_ATOMS + 1)), f"expression has more than {MAX_ATOMS} atoms"),
    ],
    ids=lambda text: text[:12],
)
def test_a_mistake_is_named_with_its_place(text, message):
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("operator", ["&", "|", "+", "- ", "*", ">"])
def test_thousands_of_operands_need_no_stack(operator):
    text = f" {operator} ".join(["A"] * 4000)
    assert isinstance(value(text), float)


@pytest.mark.parametrize("text", ["A[" + "a," * 30_000, "A[/" + "\\/" * 30_000, "A" + " " * 60_000])
def test_hostile_texts_are_read_in_linear_time(text):
    began = time.process_time()
    try:
        parse_expression(text)
    except ExpressionError:
        pass
    assert time.process_time() - began < 0.2


ATOMS = st.sampled_from(["A", "B", "NEG", "NO", "2", "0.5", "-B"])


def combined(inner):
    operators = st.sampled_from(["&", "|", "+", "- ", "*", "/", ">", "<=", "==", "!="])
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda text: f"!{text}"),
    )


@given(st.recursive(ATOMS, combined, max_leaves=12))
def test_nothing_holds_without_an_atom_of_each_trigger(text):
    expression = parse_expression(text)
    for triggers in expression.triggers:
        others = {i for i in range(len(expression.atoms)) if i not in triggers}
        assert not expression.evaluate(lambda i, others=others: 3.0 if i in others else 0.0)


@given(st.text(alphabet="AB ()&|!+-*/<>=[],.~^:g01notadr", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        expression = parse_expression(text)
    except ExpressionError as error:
        assert re.match(r"expected|expression", str(error))
    else:
        assert isinstance(expression.evaluate(lambda i: 1.0), float)
