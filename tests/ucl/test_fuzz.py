# SPDX-License-Identifier: Apache-2.0
"""Whatever a configuration says, it is read or refused with file and line, in bounded time."""

from __future__ import annotations

import json
import re
import time
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gatepost.data
from gatepost.config import ConfigError, Problems, load_configuration
from gatepost.modules import ALL
from gatepost.testing import build_app
from gatepost.ucl import Array, Loader, Object, UclError, parse, to_plain, to_ucl
from mutations import mutated

SECTIONS = Path(str(gatepost.data.__path__[0])) / "sections"
SNIPPET = re.compile(rb'^\s*(?:\(\s*|text = )?"((?:[^"\\\n]|\\.)*[{=;](?:[^"\\\n]|\\.)*)"', re.M)
SETTINGS = b"""
settings {
  outbound { priority = high; authenticated = yes;
    apply { groups_disabled = ["rbl", "spf"]; actions { greylist = null; reject = 12.0; } } }
  vip { id = "vip"; from = "@example.org"; ip = "10.0.0.0/8"; rcpt = ["/^a/i", "b@example.net"];
    request_header { "MTA-Name" = "ORIGINATING"; } apply { BAYES_SPAM = 8.0; } }
}
ratelimit { rates { user { bucket { burst = 10; rate = "10 / 1min"; } } } whitelisted_rcpts = "a"; }
dkim_signing { selector = "s"; path = "/nowhere/$domain.key"; sign_local = true; }
options {
  local_addrs = ["10.0.0.0/8"];
  dns { timeout = 1s; fake_records = [{ name = "a.b"; type = "a"; replies = ["192.0.2.1"]; }]; }
}
actions { reject = 15; add_header = 6; greylist = 4; }
group "mine" { max_score = 10; symbols { "A" { weight = 1.0; } } }
composites { C { expression = "A & !(B | C)"; score = 2; policy = "leave"; } }
worker "normal" { bind_socket = "localhost:11333"; count = 2; }
force_actions { rules { r { action = "reject"; expression = "A"; } } }
"""


def seeds() -> list[bytes]:
    """What is shipped, what the tests of this room read, and a bit of everything."""
    found = [path.read_bytes()[:4096] for path in sorted(SECTIONS.iterdir())]
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        found += [piece.replace(b"\\n", b"\n") for piece in SNIPPET.findall(path.read_bytes())]
    return found + [SETTINGS] * (len(found) // 4)


SEEDS = seeds()
TOKENS = (
    b'\n|\r\n|\0|{|}|[|]|(|)|;|,|=|:|"|\'|\\|\\"|\\u00|#|/*|*/|<<EOD\n|\nEOD\n|$|${|$X|${X}|{{|}}|{%'
    b'|%}|{=|=}|{= env.X =}|.include|.include(try=true) "x"|.include "*"|.priority 5'
    b'|.inherit "a"|.load|.x|(duplicate=merge)|1|-|1e999|10kb|5min|0x|999999999999999999999|nan'
    b"|inf|true|null|yes|\xff|\xc3\xa9|\xe2\x80\xa8|\xef\xbb\xbf|/re/i|a b c {|a { b = 1 }"
    b'|actions {|settings {|apply {|id = |ratelimit {|rates {|composites {|expression = "A &"'
    b'|options {|dns {|worker "normal" {|group "g" {|enabled = false|priority = high|[1, {|,]'
).split(b"|")
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 10**30, 0.5, -1e300, "", "a", "A & !B", "A &", "/re(/", "/re/i"),
    *(
        "map:x",
        "file:///nowhere",
        "10.0.0.0/8",
        "10 / 1min",
        "1 / 0",
        "5min",
        "user",
        "\0",
        "é" * 300,
    ),
    *(
        [],
        [1],
        ["a", "b"],
        [[]],
        [None],
        {},
        {"a": 1},
        {"a": {"b": []}},
        [{"name": "x"}],
        "$X",
        "*",
    ),
    *(
        "regexp;http://x/",
        "from:domain",
        "from:addr.lower",
        "reject",
        "high",
        "leave",
        "127.0.0.1:0",
    ),
]


def damaged_tree(random: Random) -> Any:
    """A configuration in which a few values, or options of modules, are something else."""
    tree = to_plain(parse(as_text(SETTINGS)))
    for _ in range(random.randint(1, 4)):
        if random.random() < 0.5:
            module = random.choice(ALL)
            option = random.choice(module.Options.__struct_fields__)
            section = tree.setdefault(module.name, {})
            if isinstance(section, dict):
                section[option] = deepcopy(random.choice(VALUES))
            continue
        node = tree
        while isinstance(node, dict) and node:
            key = random.choice(list(node))
            if not isinstance(node[key], dict) or random.random() < 0.2:
                if random.random() < 0.2:
                    node[random.choice(("x", "a b", "", "\n", "é"))] = node.pop(key)
                else:
                    node[key] = deepcopy(random.choice(VALUES))
                break
            node = node[key]
    return tree


def refuses_with_a_place(text: str) -> Object | Array | None:
    """The value, or ``None`` after checking that the error names the line."""
    begin = time.process_time()
    try:
        value = parse(text, "fuzz.conf", variables={"X": "y"})
    except UclError as error:
        assert error.where.file == "fuzz.conf" and error.where.line >= 1
        assert str(error).startswith("fuzz.conf:")
        value = None
    assert time.process_time() - begin < 0.5 + 0.02 * len(text) / 1024, text[:200]
    return value


def builds_or_says_why(text: str, folder: Path) -> bool:
    """Through the loader, the typed options and every module; true when it came up."""
    begin = time.process_time()
    try:
        build_app(ALL, config=text, folder=folder, state=folder)
    except UclError as error:
        assert error.where.line >= 1
        return False
    except ConfigError as error:
        assert error.problems
        assert all(problem.message for problem in error.problems)
        return False
    finally:
        assert time.process_time() - begin < 2 + 0.05 * len(text) / 1024, text[:200]
    return True


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def test_seeds_are_configurations() -> None:
    assert len(SEEDS) > 100
    assert to_plain(parse(as_text(SETTINGS)))["actions"]["reject"] == 15


def test_a_few_hundred_damaged_texts_are_read_or_refused() -> None:
    random = Random(1)
    read = sum(
        refuses_with_a_place(as_text(mutated(SEEDS, TOKENS, random))) is not None
        for _ in range(400)
    )
    assert 20 < read < 380


@pytest.mark.slow
def test_thousands_of_damaged_texts_are_read_or_refused() -> None:
    random = Random(2)
    for _ in range(5000):
        text = as_text(mutated(SEEDS, TOKENS, random))
        value = refuses_with_a_place(text)
        if value is not None:
            assert to_plain(parse(to_ucl(value))) == to_plain(value)


@pytest.mark.slow
def test_thousands_of_damaged_configurations_come_up_or_say_why(tmp_path: Path) -> None:
    random = Random(3)
    came_up = sum(
        builds_or_says_why(as_text(mutated(SEEDS, TOKENS, random)), tmp_path) for _ in range(1500)
    )
    assert came_up > 20


@pytest.mark.slow
def test_wrong_values_are_reported_and_never_fail_in_a_module(tmp_path: Path) -> None:
    random = Random(5)
    came_up = sum(
        builds_or_says_why(json.dumps(damaged_tree(random), indent=1), tmp_path)
        for _ in range(1500)
    )
    assert 50 < came_up < 1450


@pytest.mark.slow
def test_damaged_files_of_a_folder_are_named_with_their_line(tmp_path: Path) -> None:
    random = Random(4)
    local = tmp_path / "local.d"
    local.mkdir()
    for _ in range(300):
        name = random.choice(("actions.conf", "groups.conf", "options.inc", "composites.conf"))
        file = local / name
        file.write_bytes(mutated(SEEDS, TOKENS, random))
        problems = Problems()
        try:
            load_configuration(
                tmp_path, modules={one.name for one in ALL}, problems=problems, environment={}
            )
        except UclError as error:
            assert error.where.line >= 1 and error.where.file
        except ConfigError as error:
            assert error.problems
        file.unlink()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(TOKENS).map(as_text) | st.text(max_size=8), max_size=40).map("".join)
)
def test_texts_of_nothing_but_odd_pieces(text: str) -> None:
    refuses_with_a_place(text)
    try:
        Loader({"X": "y"}, environment={}).parse(text, "fuzz.conf")
    except UclError as error:
        assert error.where.line >= 1


@pytest.mark.parametrize(
    "piece",
    ["a {", "[", "a = [", "{{", "{%", "/*", '"', "'", "<<", "${X}", "a=1;", "a b ", "\\", "#",
     "a = <<E\n", ".priority 1\n", "(", "a { b = 1 } ", "x = $X$X$X\n", ",", "{= env.X =}\n", "\n"],
)  # fmt: skip
@pytest.mark.slow
def test_floods_cost_no_square_of_their_size(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    begin = time.process_time()
    for read in (parse, Loader({"X": "y"}, environment={}).parse):
        try:
            read(text, "fuzz.conf")
        except UclError as error:
            assert error.where.line >= 1
    assert time.process_time() - begin < 4
