# SPDX-License-Identifier: Apache-2.0
"""Is the whole grammar of UCL read?"""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.ucl import UclError, Where, parse


@pytest.mark.parametrize(
    "text, value",
    [
        ("", {}),
        (" # nothing\n", {}),
        ("\ufeffa = 1", {"a": 1}),
        ("{}", {}),
        ("[1, 2]", [1, 2]),
        ("[]", []),
        ("{a = 1; b = 2}", {"a": 1, "b": 2}),
        ("a = 1\nb = 2", {"a": 1, "b": 2}),
        ("a = 1, b = 2; c = 3", {"a": 1, "b": 2, "c": 3}),
        ("a = 1;;,\n;b = 2", {"a": 1, "b": 2}),
        ("a 1\nb: 2\nc=3\nd  :  4", {"a": 1, "b": 2, "c": 3, "d": 4}),
        ("a =\n 5", {"a": 5}),
        ('"quoted key" = 1; "a\\tb" = 2', {"quoted key": 1, "a\tb": 2}),
        (
            "/path = 1; _x = 2; 9 = 3; a.b-c = 4; ключ = 5",
            {"/path": 1, "_x": 2, "9": 3, "a.b-c": 4, "ключ": 5},
        ),
        ("key { a = 1 }", {"key": {"a": 1}}),
        ("key = { a = 1 }", {"key": {"a": 1}}),
        ("key: { a = 1 }", {"key": {"a": 1}}),
        ("key{a = 1}", {"key": {"a": 1}}),
        ("key\n{\n a = 1\n}", {"key": {"a": 1}}),
        ("key # why\n{ a = 1 }", {"key": {"a": 1}}),
        ("key /* why */ = /* because */ 1", {"key": 1}),
        ("a { b = 1 } c = 2", {"a": {"b": 1}, "c": 2}),
        ("a = [1] c = 2", {"a": [1], "c": 2}),
        ('worker "normal" { a = 1 }', {"worker": {"normal": {"a": 1}}}),
        ("worker normal { a = 1 }", {"worker": {"normal": {"a": 1}}}),
        ('worker "normal"\n{ a = 1 }', {"worker": {"normal": {"a": 1}}}),
        ("a b c { d = 1 }", {"a": {"b": {"c": {"d": 1}}}}),
        ("a b [1, 2]", {"a": {"b": [1, 2]}}),
        ('a "b" [1, 2]', {"a": {"b": [1, 2]}}),
        ("a = [1, 2,]", {"a": [1, 2]}),
        ("a = [1\n2\n]", {"a": [1, 2]}),
        ("a = [x y, 'z', \"w\"]", {"a": ["x y", "z", "w"]}),
        ("a = [[1], {b = 2}, []]", {"a": [[1], {"b": 2}, []]}),
        ("a = [1 # one\n, 2 /* two */, 3]", {"a": [1, 2, 3]}),
        ('a = ["x" # one\n "y"]', {"a": ["x", "y"]}),
        ("a = 1 # one\nb = 2", {"a": 1, "b": 2}),
        ("a = 1 /* one */ b = 2", {"a": 1, "b": 2}),
        ("a = x y z  # c", {"a": "x y z"}),
        ("url = http://x/a#b", {"url": "http://x/a"}),
        ("re = /a{1,2}$/", None),
        ("re = /a[0-9]{3}$/", {"re": "/a[0-9]{3}$/"}),
        ("re /a[0-9]/", {"re": "/a[0-9]/"}),
        (r"re = '/\d+$/i'", {"re": r"/\d+$/i"}),
        (r're = "/\\d+/"', {"re": r"/\d+/"}),
        (r"re = /\\d+/;", {"re": r"/\d+/"}),
        ("a = 5 b", {"a": "5 b"}),
        ("a = 10m", {"a": 10_000_000}),
        ("a = 'b'; c = \"d\"", {"a": "b", "c": "d"}),
        ("a = <<EOD\nline; # no comment\nEOD\nb = 1", {"a": "line; # no comment", "b": 1}),
        ("a = <<E1", {"a": "<<E1"}),
        ('a = true; b = OFF; c = null; d = "yes"', {"a": True, "b": False, "c": None, "d": "yes"}),
        ("s = 1; s = 2; s = 3", {"s": [1, 2, 3]}),
        ("r { a = 1 } r { b = 2 }", {"r": [{"a": 1}, {"b": 2}]}),
        ("s = [1]; s = [2]", {"s": [[1], [2]]}),
        ("s = 1; s = [2]; s { a = 3 }", {"s": [1, [2], {"a": 3}]}),
        (
            'worker "normal" { a = 1 } worker "normal" { a = 2 }',
            {"worker": [{"normal": {"a": 1}}, {"normal": {"a": 2}}]},
        ),
        ('{"a": {"b": [1, 2.5, null, true, "x\\ny"]}}', {"a": {"b": [1, 2.5, None, True, "x\ny"]}}),
        ('{"a":\n  "b"\n,\n"c"\n:\n1}', {"a": "b", "c": 1}),
        ('"a":1,"b":2', {"a": 1, "b": 2}),
        ("a = }", None),
        ("a { b = 1 } }", None),
    ],
)
def test_grammar(text, value):
    if value is None:
        with pytest.raises(UclError):
            parse(text)
    else:
        assert parse(text) == value


@pytest.mark.parametrize(
    "text, error",
    [
        ("\na = b, c", "f:2: the key 'c' has no value"),
        ("a =", "f:1: the key 'a' has no value"),
        ("a = ;", "f:1: the key 'a' has no value"),
        ("flag\nb = 1", "f:1: the key 'flag' has no value"),
        ("a = a{b;c}", "f:1: invalid character '}' after the key 'c'"),
        ('"" = 1', "f:1: empty keys are not allowed"),
        ('a "\\u" {}', r"f:1: \u must be followed by four hexadecimal digits"),
        ("a*b = 1", "f:1: invalid character '*' after the key 'a'"),
        ("*a = 1", "f:1: expected a key, found '*'"),
        ("a {\n b = 1\n", "f:1: this { is never closed with }"),
        ("\na = [\n1", "f:2: this [ is never closed with ]"),
        ("a = [1}", "f:1: expected a value, found '}'"),
        ("a = {b = 1]", "f:1: expected a key, found ']'"),
        ('a = "x" b = 1', "f:1: expected ';', ',' or a new line after the value, found 'b = 1'"),
        ("{a = 1} b = 2", "f:1: unexpected text after the closing brace"),
        ("[1] b", "f:1: unexpected text after the closing brace"),
        (
            "a = 1\n\nb = 99999999999999999999",
            "f:3: the number 99999999999999999999 is out of range",
        ),
        ('a = "x\ny"', 'f:1: unexpected newline in a string: expected the closing "'),
        ("a = 1 } b", "f:1: expected a key, found '}'"),
    ],
)
def test_mistakes_are_named_with_their_line(text, error):
    with pytest.raises(UclError) as caught:
        parse(text, "f")
    assert str(caught.value) == error


@pytest.mark.parametrize(
    "text", ["{a" * 100, "a=" + "[" * 100, "a " * 100 + "{}", "a=" + "[{a=" * 100, "[" * 100_000]
)
def test_nesting_is_bounded(text):
    with pytest.raises(UclError):
        parse(text)


def test_sixty_levels_are_fine():
    assert parse("a { " * 60 + "}" * 60) == parse("a " * 60 + "{}")


OUTBOUND = """\
outbound { priority = high; authenticated = yes; apply { groups_disabled = ["rbl", "spf", "dmarc"]; actions { greylist = null; } } }
outbound_scan { id = "outbound"; apply { groups_enabled = ["dkim", "ratelimit", "fuzzy", "neural"]; actions { reject = 15.0; "add header" = 6.0; } } }
outbound_rescoring { priority = high; authenticated = yes; apply { BAYES_SPAM = 8.0; NEURAL_SPAM = 6.0; actions { reject = 12.0; } } }
authenticated_minimal { priority = high; authenticated = yes; apply { groups_enabled = ["fuzzy", "neural", "ratelimit", "antivirus"]; } }
"""  # noqa: E501 (as they stand in the tutorial)


def test_rules_of_the_outbound_tutorial_load_as_they_stand():
    rules = parse(OUTBOUND, "settings.conf")
    assert rules["outbound"] == {
        "priority": "high",
        "authenticated": True,
        "apply": {"groups_disabled": ["rbl", "spf", "dmarc"], "actions": {"greylist": None}},
    }
    assert rules["outbound_scan"]["apply"]["actions"] == {"reject": 15.0, "add header": 6.0}
    assert rules["outbound_rescoring"]["apply"]["BAYES_SPAM"] == 8.0
    assert rules.place("authenticated_minimal") == Where("settings.conf", 4)


PIECES = [
    *"{}[]=:;,#\"'\\\n $.<>/*",
    *("a", "key", "1", "10mb", "5s", "null", "/*", "*/", "<<EOD\n", "\nEOD\n", "\\u00", "${X}"),
    *(
        "$$",
        ".include",
        ".priority 5\n",
        '.inherit "a"\n',
        "(a=1)",
        "a { ",
        "} ",
        "\r\n",
        "\0",
        "é",
    ),
]


@settings(max_examples=250, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for safe in (False, True):
        try:
            parse(text, variables={"X": "y"}, safe=safe)
        except UclError as error:
            assert error.where.line >= 1


@pytest.mark.slow
def test_many_random_texts_are_read_or_refused():
    chance = random.Random(7)
    for _ in range(3000):
        text = "".join(chance.choices(PIECES, k=chance.randrange(60)))
        try:
            parse(text, variables={"X": "y"})
        except UclError:
            pass


@pytest.mark.parametrize(
    "text",
    [
        '/* "' + '\\"' * 50_000,
        "a = " + "{" * 100_000,
        "a = " + "x{}" * 50_000,
        "a " * 100_000,
        'a "b" ' * 50_000,
        'a = "' + "\\" * 100_000,
        "a = '" + "\\'" * 50_000,
        "/* */" * 50_000,
        "a = <<E\n" + "E \n" * 50_000,
        "a = 1;" * 50_000,
        "a b," * 50_000,
        "a = [" + "x y," * 50_000 + "]",
        "$X" * 100_000,
        'a = "' + "$$" * 50_000 + '$X"',
        "a = " + "/" * 100_000,
        "," * 100_000,
        "a.b" * 50_000,
        '"' + "a" * 100_000,
    ],
    ids=range(18),
)
def test_long_hostile_text_takes_time_in_proportion(text):
    began = time.process_time()
    try:
        parse(text, variables={"X": "y"})
    except UclError:
        pass
    assert time.process_time() - began < 5  # seconds of CPU; milliseconds unless it is quadratic
