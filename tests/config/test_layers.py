# SPDX-License-Identifier: Apache-2.0
"""Which file overrules which: core reference §1.4 and §1.5."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gatepost.config import (
    ConfigError,
    Configuration,
    OptionsSection,
    Problems,
    bind,
    find_configuration,
    find_state,
    load_configuration,
)
from gatepost.ucl import to_plain

# Names that no file of defaults is shipped for.
MODULES = ("compass", "graylister", "tollgate")


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def load(path: Path | None, *overrides: str, **environment: str) -> tuple[Configuration, list[str]]:
    problems = Problems()
    config = load_configuration(
        path,
        modules=MODULES,
        problems=problems,
        overrides=overrides,
        environment={"GATEPOST_STATE": "/nowhere", **environment},
    )
    place = f"{path}/" if path is not None else ""
    return config, [str(problem).replace(place, "") for problem in problems.all]


def section(files: Mapping[str, str], name: str, folder: Path) -> Any:
    config, problems = load(written(folder, files))
    assert problems == []
    return to_plain(config.section(name))


RATES = "rates { a { burst = 1; rate = 2 }\nb { burst = 3 } }"


@pytest.mark.parametrize(
    "files, tollgate",
    [
        ({"local.d/tollgate.conf": "max_delay = 1h"}, {"max_delay": 3600.0}),
        (
            {"local.d/tollgate.conf": RATES, "override.d/tollgate.conf": "max_delay = 5"},
            {"rates": {"a": {"burst": 1, "rate": 2}, "b": {"burst": 3}}, "max_delay": 5},
        ),
        # override.d replaces whole keys of the section, and leaves the others
        (
            {
                "local.d/tollgate.conf": RATES + "\nmax_delay = 1",
                "override.d/tollgate.conf": "rates { a { burst = 9 } }",
            },
            {"rates": {"a": {"burst": 9}}, "max_delay": 1},
        ),
        ({"override.d/tollgate.conf": "a = 1", "local.d/tollgate.conf": "a = 2"}, {"a": 1}),
        ({"local.d/tollgate.conf": "a = null"}, {"a": None}),
        # rspamd.conf.local adds to a section, rspamd.conf.override replaces it whole
        (
            {"local.d/tollgate.conf": "a = 1; b = 2", "rspamd.conf.local": "tollgate { a = 3 }"},
            {"a": 3, "b": 2},
        ),
        (
            {
                "local.d/tollgate.conf": "a = 1; b = 2",
                "rspamd.conf.override": "tollgate { a = 3 }",
            },
            {"a": 3},
        ),
        (
            {
                "override.d/tollgate.conf": "a = 1; b = 2",
                "rspamd.conf.local.override": "tollgate { a = 3 }",
            },
            {"a": 3},
        ),
        ({"local.d/tollgate.inc": "a = 1"}, {"a": 1}),
        ({"local.d/tollgate.conf.disabled": "a = 1"}, {}),
        ({"local.d/tollgate.lua": "return {}"}, {}),
        ({"local.d/sub/tollgate.conf": "a = 1"}, {}),
        ({}, {}),
    ],
)
def test_which_file_wins(files: dict[str, str], tollgate: dict[str, Any], tmp_path: Path) -> None:
    assert section(files, "tollgate", tmp_path) == tollgate


@pytest.mark.parametrize(
    "files, networks",
    [
        # a list in local.d adds to the shipped one, a map takes its place
        ({"local.d/options.inc": "local_addrs = [192.0.2.0/24]"}, 7),
        ({"override.d/options.inc": "local_addrs = [192.0.2.0/24]"}, 1),
        ({"rspamd.conf.override": "options { one_shot = yes }"}, 0),
        ({}, 6),
    ],
)
def test_the_shipped_list_of_local_addresses(
    files: dict[str, str], networks: int, tmp_path: Path
) -> None:
    found = section(files, "options", tmp_path)
    assert len(found.get("local_addrs", [])) == networks


def test_a_map_takes_the_place_of_a_list(tmp_path: Path) -> None:
    files = {"local.d/options.inc": 'local_addrs = "/etc/ours.map"'}
    assert section(files, "options", tmp_path)["local_addrs"] == "/etc/ours.map"


@pytest.mark.parametrize(
    "file, text, kind, name, value",
    [
        ("worker-normal.inc", "count = 3", "worker", "normal", 3),
        ("worker-proxy.inc", "count = 3", "worker", "rspamd_proxy", 3),
        ("policies_group.conf", "count = 3", "group", "policies", 3),
        ("groups.conf", 'group "policies" { count = 3 }', "group", "policies", 3),
    ],
)
def test_files_of_sections_with_names(
    file: str, text: str, kind: str, name: str, value: int, tmp_path: Path
) -> None:
    config, problems = load(written(tmp_path, {f"local.d/{file}": text}))
    assert problems == []
    assert dict(config.named(kind))[name]["count"] == value


def test_statistics_are_not_merged_with_what_was_there(tmp_path: Path) -> None:
    text = "compass { b = 2 }"  # any section will do
    files = {"local.d/compass.conf": "a = 1", "local.d/statistic.conf": text}
    config, _ = load(written(tmp_path, files))
    assert config.section("compass") == {"b": 2}
    files = {"local.d/groups.conf": text}
    (tmp_path / "local.d/statistic.conf").unlink()
    config, _ = load(written(tmp_path, files))
    assert config.section("compass") == {"a": 1, "b": 2}


def test_without_a_folder_there_are_the_defaults() -> None:
    config, problems = load(None)
    assert problems == []
    assert set(MODULES) <= set(config.tree)
    assert len(to_plain(config.section("options"))["local_addrs"]) == 6
    assert (config.folder, config.bare, config.state) == (None, False, Path("/nowhere"))


def test_an_empty_folder_is_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path)[0].tree.keys() == load(None)[0].tree.keys()


def test_a_file_stands_for_itself(tmp_path: Path) -> None:
    path = written(
        tmp_path, {"my.conf": "options { one_shot = yes }\ncompass { }", "local.d/x.conf": ""}
    )
    config, problems = load(path / "my.conf")
    assert problems == []
    assert to_plain(config.tree) == {"options": {"one_shot": True}, "compass": {}}
    assert (config.bare, config.folder, config.files) == (True, path, [path / "my.conf"])
    assert "graylister" not in config


def test_a_file_may_include_others(tmp_path: Path) -> None:
    files = {
        "my.conf": 'compass { .include "$CONFDIR/c.inc" }\n.include(try=true) "$CURDIR/no.conf"',
        "c.inc": "a = 1",
    }
    config, problems = load(written(tmp_path, files) / "my.conf")
    assert (config.section("compass"), problems) == ({"a": 1}, [])
    assert [path.name for path in config.files] == ["my.conf", "c.inc"]


@pytest.mark.parametrize(
    "overrides, value",
    [
        ((), 1),
        (("tollgate.a=5",), 5),
        (("tollgate.a=5", "tollgate.a=6"), 6),
    ],
)
def test_the_command_line_has_the_last_word(
    overrides: tuple[str, ...], value: int, tmp_path: Path
) -> None:
    folder = written(tmp_path, {"rspamd.conf.override": "tollgate { a = 1 }"})
    assert load(folder, *overrides)[0].section("tollgate")["a"] == value


def test_the_command_line_wins_over_a_section_that_is_there_twice(tmp_path: Path) -> None:
    files = {"local.d/tollgate.conf": "a = 1", "rspamd.conf.local": "tollgate { a = 2 }"}
    config, _ = load(written(tmp_path, files), "tollgate.a=3")
    assert config.section("tollgate")["a"] == 3


# What is wrong


@pytest.mark.parametrize(
    "files, problems",
    [
        # what Rspamd knows and nothing here takes is a warning, so that a folder can be tried out
        (
            {"local.d/rbl.conf": "a = 1"},
            ["local.d/rbl.conf: warning: Gatepost has no `rbl` module yet: file ignored"],
        ),
        (
            {"local.d/classifier-bayes.conf": "a = 1"},
            [
                "local.d/classifier-bayes.conf: warning: "
                "Gatepost has no `classifier` module yet: file ignored"
            ],
        ),
        (
            {"rspamd.conf.local": "\nrbl { }"},
            ["rspamd.conf.local:2: warning: Gatepost has no `rbl` yet: section ignored"],
        ),
        # a map that a shipped section names
        ({"local.d/greylist-whitelist-domains.inc": "example.org\n"}, []),
        # what neither knows: a stray file is a warning, a section is a mistake
        (
            {"local.d/graylist.conf": "a = 1"},
            [
                "local.d/graylist.conf: warning: no section is called `graylist`: file ignored"
                "; did you mean `graylister`?"
            ],
        ),
        (
            {"rspamd.conf.local": "graylist { }"},
            ["rspamd.conf.local:1: error: unknown section `graylist`; did you mean `graylister`?"],
        ),
        (
            {"local.d/compass.conf": "a = 1\nb = [1"},
            ["local.d/compass.conf:2: error: "],
        ),
        (
            {"local.d/compass.conf": '.include "none.inc"'},
            ["local.d/compass.conf:1: error: "],
        ),
    ],
)
def test_what_is_wrong_is_named(files: dict[str, str], problems: list[str], tmp_path: Path) -> None:
    found = load(written(tmp_path, files))[1]
    assert len(found) == len(problems)
    for one, expected in zip(found, problems, strict=True):
        assert one.startswith(expected) if expected.endswith(": ") else one == expected


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    files = {
        "local.d/compass.conf": "a = [",
        "local.d/graylister.conf": "b = {",
        "local.d/options.inc": "task_timeout = 0\n\nchek_local = yes",
        "rspamd.conf.local": "nonsense { }",
    }
    problems = Problems()
    folder = written(tmp_path, files)
    config = load_configuration(
        folder, modules=MODULES, problems=problems, overrides=["x"], environment={}
    )
    bind(OptionsSection, config.section("options"), "options", problems)
    places = [str(problem.where).removeprefix(f"{folder}/") for problem in problems.errors]
    assert places == [
        "local.d/compass.conf:1",
        "local.d/graylister.conf:1",
        "-o x",
        "rspamd.conf.local:1",
        "local.d/options.inc:1",
        "local.d/options.inc:3",
    ]


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path, {"local.d/compass.conf": ""})
    (folder / "local.d/compass.conf").write_bytes(b"\xff\xfe\0\0")
    problems = load(folder)[1]
    assert problems and problems[0].startswith("local.d/compass.conf")


# Templates and variables


@pytest.mark.parametrize(
    "text, environment, value",
    [
        ("a = \"{= env.NAME =}\"", {"RSPAMD_NAME": "x"}, "x"),
        ("a = \"{= env.NAME =}\"", {"GATEPOST_NAME": "y"}, "y"),
        ("a = \"{= env.NAME|default('z') =}\"", {}, "z"),
        ("{% if env.NAME %}a = 1{% else %}a = 2{% endif %}", {}, 2),
        ('a = "$CONFDIR/x"', {}, "CONFDIR/x"),
        ('a = "${DBDIR}/x"', {}, "/nowhere/x"),
        ('a = "$NOBODY"', {}, "$NOBODY"),
    ],
)  # fmt: skip
def test_templates_and_variables(
    text: str, environment: dict[str, str], value: Any, tmp_path: Path
) -> None:
    config, problems = load(written(tmp_path, {"local.d/compass.conf": text}), **environment)
    assert problems == []
    found = config.section("compass")["a"]
    assert (
        str(found).replace(str(tmp_path), "CONFDIR") if isinstance(found, str) else found
    ) == value


def test_templates_may_be_switched_off(tmp_path: Path) -> None:
    folder = written(tmp_path, {"local.d/compass.conf": "a = '{= env.NAME =}'"})
    problems = Problems()
    config = load_configuration(
        folder, modules=MODULES, problems=problems, environment={}, template=False
    )
    assert config.section("compass")["a"] == "{= env.NAME =}"


# Sections as they are asked for


TEXT = """
group "a" { x = 1 }
group "b" { x = 2 }
group { name = "c"; x = 3 }
group "a" { x = 4 }
worker { type = "normal"; x = 5 }
compass { x = 1; y = 1 }
compass { x = 2 }
"""


def test_sections_with_names_in_all_their_spellings(tmp_path: Path) -> None:
    config, _ = load(written(tmp_path, {"x.conf": TEXT}) / "x.conf")
    groups = [(name, body["x"]) for name, body in config.named("group")]
    assert groups == [("a", 1), ("b", 2), ("c", 3), ("a", 4)]
    assert [(name, body["x"]) for name, body in config.named("worker")] == [("normal", 5)]
    assert config.named("composite") == []


def test_a_section_that_is_there_twice_is_one(tmp_path: Path) -> None:
    config, _ = load(written(tmp_path, {"x.conf": TEXT}) / "x.conf")
    compass = config.section("compass")
    assert compass == {"x": 2, "y": 1}
    assert [compass.place(key).line for key in ("x", "y")] == [8, 7]
    assert config.section("nothing") == {}


# Where the configuration is


@pytest.mark.parametrize(
    "given, environment, expected",
    [
        ("here", {}, "here"),
        ("here", {"GATEPOST_CONFIG": "there"}, "here"),
        (None, {"GATEPOST_CONFIG": "there"}, "there"),
        (None, {"XDG_CONFIG_HOME": "home"}, "home/gatepost"),
        (None, {"XDG_CONFIG_HOME": "nowhere"}, None),
    ],
)
def test_where_the_configuration_is_looked_for(
    given: str | None, environment: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    if Path("/etc/gatepost").is_dir():
        pytest.skip("this machine has a configuration of its own")
    for name in ("here", "there", "home/gatepost"):
        (tmp_path / name).mkdir(parents=True)
    full = {key: str(tmp_path / value) for key, value in environment.items()}
    found = find_configuration(str(tmp_path / given) if given else None, full)
    assert found == (tmp_path / expected if expected else None)


def test_a_configuration_that_is_not_there_is_said_so() -> None:
    with pytest.raises(ConfigError, match="/no/where: there is no such file or folder"):
        find_configuration("/no/where", {})


@pytest.mark.parametrize(
    "environment, folder",
    [
        ({"GATEPOST_STATE": "/a"}, "/a"),
        ({"XDG_STATE_HOME": "/b"}, "/b/gatepost"),
        ({"GATEPOST_STATE": "/a", "XDG_STATE_HOME": "/b"}, "/a"),
    ],
)
def test_where_state_is_kept(environment: dict[str, str], folder: str) -> None:
    assert find_state(environment) == Path(folder)
