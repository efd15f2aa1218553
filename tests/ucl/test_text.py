# SPDX-License-Identifier: Apache-2.0
"""What may a text do that no file stands behind?"""

import pytest

from gatepost.ucl import UclError, parse

KNOWN = {"X": "y"}


def test_variables_are_expanded_in_all_but_single_quotes():
    text = "a = $X\nb = \"${X}z\"\nc = '$X'\nd = <<EOD\n$X\nEOD\ne = [$X]\nf = $UNKNOWN"
    assert parse(text, variables=KNOWN) == {
        "a": "y", "b": "yz", "c": "$X", "d": "y", "e": ["y"], "f": "$UNKNOWN",
    }  # fmt: skip


def test_safe_text_has_neither_variables_nor_times_nor_macros():
    text = "a = $X; b = 5s; c = 10kb; d { reject = 5 }"
    assert parse(text, variables=KNOWN, safe=True) == {
        "a": "$X",
        "b": "5s",
        "c": 10_240,
        "d": {"reject": 5},
    }
    for macro in (".include x", ".priority 5", '.inherit "a"', "a { .load x }"):
        with pytest.raises(UclError, match="macros are not allowed here"):
            parse(macro, safe=True)


def test_settings_header_without_quotes():
    assert parse("{reject = 5}", safe=True) == {"reject": 5}


@pytest.mark.parametrize("macro", ["include", "try_include", "load"])
def test_text_without_a_file_includes_none(macro):
    with pytest.raises(UclError, match="does not come from a file"):
        parse(f'.{macro}(key="x") "/etc/passwd"')


def test_error_names_the_text():
    with pytest.raises(UclError, match=r"^Settings header:1: "):
        parse("{", "Settings header", safe=True)
