# SPDX-License-Identifier: Apache-2.0
"""Does a configuration of several files become one tree?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.ucl import Loader, UclError, Where, parse

MAIN = """\
# main
options {
    pidfile = "$RUNDIR/rspamd.pid";
    .include "$CONFDIR/options.inc"
    .include(try=true; priority=1,duplicate=merge) "$LOCAL_CONFDIR/local.d/options.inc"
}
worker "normal" {
    bind_socket = "{= env.ADDR|default('localhost') =}:11333";
}
.include(try=true; glob=true) "$LOCAL_CONFDIR/modules.d/*.conf"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rspamd.conf").write_text(MAIN)
    (tmp_path / "options.inc").write_text("dns { timeout = 1s; retransmits = 5; }\n")
    (tmp_path / "local.d").mkdir()
    (tmp_path / "local.d/options.inc").write_text("dns {\n  timeout = 2s;\n}\n")
    (tmp_path / "modules.d").mkdir()
    (tmp_path / "modules.d/spf.conf").write_text("spf { enabled = yes }")
    return tmp_path


def loader_for(folder, environment=()):
    variables = {"CONFDIR": str(folder), "LOCAL_CONFDIR": str(folder), "RUNDIR": "/run"}
    return Loader(variables, environment=dict(environment))


def test_whole_configuration(folder):
    loader = loader_for(folder, {"GATEPOST_ADDR": "127.0.0.1"})
    root = loader.load(folder / "rspamd.conf")
    assert root == {
        "options": {"pidfile": "/run/rspamd.pid", "dns": {"timeout": 2.0, "retransmits": 5}},
        "worker": {"normal": {"bind_socket": "127.0.0.1:11333"}},
        "spf": {"enabled": True},
    }
    dns = root["options"]["dns"]
    assert dns.place("timeout") == Where(str(folder / "local.d/options.inc"), 2)
    assert dns.place("retransmits") == Where(str(folder / "options.inc"), 1)
    assert root["worker"]["normal"].place("bind_socket") == Where(str(folder / "rspamd.conf"), 8)
    assert [path.relative_to(folder).as_posix() for path in loader.files] == [
        "rspamd.conf",
        "options.inc",
        "local.d/options.inc",
        "modules.d/spf.conf",
    ]


def test_layers_into_one_tree(folder):
    loader = loader_for(folder)
    root = loader.parse("options { dns { timeout = 9 } }\nx = 1", "defaults")
    section = root["options"]
    loader.load(folder / "local.d/options.inc", into=section, priority=1, strategy="merge")
    assert root == {"options": {"dns": {"timeout": 2.0}}, "x": 1}


def test_templates_can_be_switched_off(folder):
    loader = Loader({"CONFDIR": str(folder)}, environment={}, template=False)
    (folder / "t.conf").write_text('a = "{= 1 =}"')
    assert loader.load(folder / "t.conf") == {"a": "{= 1 =}"}


def test_file_that_is_missing_or_an_array(folder):
    loader = loader_for(folder)
    with pytest.raises(UclError, match=r"none\.conf: cannot read .*No such file"):
        loader.load(folder / "none.conf")
    (folder / "list.conf").write_text("\n[1]")
    with pytest.raises(UclError, match=r"list\.conf:2: expected keys and values, found an array"):
        loader.load(folder / "list.conf")


def test_text_may_include_files(folder):
    root = loader_for(folder).parse('.include "$CONFDIR/options.inc"', "defaults")
    assert root["dns"]["retransmits"] == 5


def test_empty_file_is_an_empty_object(folder):
    (folder / "empty").write_text("")
    root = loader_for(folder).load(folder / "empty")
    assert root == {}
    assert root.where.file == str(folder / "empty")


def test_a_file_is_read_as_its_text(folder):
    text = "a = 1; b { c = [1, 2] } d = <<EOD\nx\nEOD\n"
    (folder / "x").write_text(text)
    assert loader_for(folder).load(folder / "x") == parse(text)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    ".include",
                    ".load",
                    "(",
                    ")",
                    "key=k",
                    "try=true",
                    ",",
                    '"a"',
                    " a ",
                    "glob=true",
                ),
                *('"*"', "{", "}", "x = 1", ";", "\n", "priority=3", "duplicate=merge", "path=[x]"),
                *("target=array", ".inherit x", "prefix=true"),
            ]
        ),
        max_size=16,
    ).map("".join)
)
def test_any_use_of_macros_is_obeyed_or_refused(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp() / "macros"
    folder.mkdir(exist_ok=True)
    (folder / "a").write_text("x { y = 1 }")
    (folder / "main").write_text(text)
    try:
        loader_for(folder).load(folder / "main")
    except UclError as error:
        assert str(folder) in error.where.file
