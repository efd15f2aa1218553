# SPDX-License-Identifier: Apache-2.0
"""Are templates worked out, with the lines of the original?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.ucl import UclError
from gatepost.ucl.templates import render, select_environment


@pytest.mark.parametrize(
    "text, output",
    [
        ("bind = \"{= env.ADDR|default('localhost') =}:11333\"", 'bind = "localhost:11333"'),
        ("a = {= env.SET =};", "a = yes;"),
        ("{% if env.SET == 'yes' %}a = 1{% else %}a = 2{% endif %}", "a = 1"),
        ("{% if env.ADDR %}a = 1{% endif %}b = 2", "b = 2"),
        ("{% for n in [1, 2] %}x{= n =} {% endfor %}", "x1 x2 "),
        ("{% set x %}foo{% endset %}{% if x == 'foo' %}same{% endif %}", "same"),
        ("{# gone #}{= 1 =}", "1"),
        ("a = {= env.items =}", "a = of the environment"),
        ("{= 1 =}\n", "1\n"),
        ("a {{ b }} {= 1 =}", "a {{ b }} 1"),
    ],
)
def test_templates(text, output):
    names = {"SET": "yes", "items": "of the environment"}
    assert render(text, "f", names).text == output


def test_text_without_brackets_is_left_alone():
    assert render("a {# no comment\n", "f", {}).text == "a {# no comment\n"


def test_gatepost_wins_over_rspamd():
    environment = {
        "GATEPOST_A": "g", "RSPAMD_A": "r", "RSPAMD_B": "r", "PATH": "/bin", "A": "x",
    }  # fmt: skip
    assert select_environment(environment) == {"A": "g", "B": "r"}


@pytest.mark.parametrize(
    "text, found, line",
    [
        ("{= 1 =}\na\nX", "X", 3),
        ("{% if true %}\na\n{% endif %}\nX", "X", 4),
        ("{% if false %}\na\n{% endif %}\nX", "X", 4),
        ("{% for n in [1, 2, 3] %}\na\n{% endfor %}\nX", "X", 4),
        ("{% for n in [1, 2] %}\na\nX{= n =}\n{% endfor %}", "X2", 3),
        ("{#\n\n#}X{= 1 =}", "X", 3),
        ("{% set a = [\n1,\n2] %}X", "X", 3),
        ("a\n{%- if true -%}\n\n\nX{% endif %}", "X", 5),
        ("{= 'one\ntwo\nthree' =}\nX", "X", 4),
        ("{= 'one\ntwo\nthree' =}\nX", "three", 1),
    ],
)
def test_lines_are_those_of_the_original(text, found, line):
    source = render(text, "f", {})
    assert source.line(source.text.index(found)) == line


@pytest.mark.parametrize(
    "text, error",
    [
        ("\n{% if %}", "f:2: template: "),
        ("\n\n{= 1 + =}", "f:3: template: "),
        ("\n{% if true %}", "f:2: template: "),
        ("\n\n{= nothing.at.all =}", "f:3: template: 'nothing' is undefined"),
        ("\n{= 1 / 0 =}", "f:2: template: division by zero"),
        ("\n{= ''.__class__.__mro__ =}", "f:2: template: "),
        ("\n{= 'x' * 10000000 =}", "f:2: template: "),
        ("\n{= 9 ** 9 ** 9 =}", "f:2: template: "),
        ("\n{= range(1000000)|list =}", "f:2: template: "),
        ("\n{= env.X|nosuchfilter =}", "f:2: template: "),
        ("\n{% include '/etc/passwd' %}", "f:2: template: "),
        ("{=\n\0", "f:2: a template must not contain NUL characters"),
    ],
)
def test_mistakes_are_named_with_their_line(text, error):
    with pytest.raises(UclError) as caught:
        render(text, "f", {"X": "y"})
    assert str(caught.value).startswith(error)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    "{=",
                    "=}",
                    "{%",
                    "%}",
                    "{#",
                    "#}",
                    "\n",
                    " if ",
                    " for ",
                    " endif ",
                    "x",
                    " in ",
                ),
                *("env", ".X", "|", "default", "('a')", "1", "-", '"', "a = b;\n"),
            ]
        ),
        max_size=20,
    ).map("".join)
)
def test_any_template_is_rendered_or_refused(text):
    try:
        source = render(text, "f", {"X": "y"})
    except UclError as error:
        assert error.where.line >= 0
    else:
        assert "\0" not in source.text
