# SPDX-License-Identifier: Apache-2.0
"""Which files make up the configuration, and in which order do they overrule each other?

A folder (``-c DIR``): built-in defaults (priority 0) ← ``local.d/`` (1, merged key by key) ←
``override.d/`` (10, whole keys) for each section, then ``rspamd.conf.local`` (0) and
``rspamd.conf.override`` (10) for whole sections. A file (``-c FILE``): that file alone, in the
manner of rspamd.conf. In both cases ``-o SECTION.KEY=VALUE`` has the last word.

Source: core reference §1.4 and §1.5.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from pathlib import Path

from gatepost import __version__
from gatepost.config.errors import ConfigError, Problem
from gatepost.config.known_sections import (
    CORE,
    MAPS,
    NOT_MERGED,
    RENAMED,
    RSPAMD,
    TOP_LEVEL,
    WORKERS,
)
from gatepost.config.overrides import apply_override
from gatepost.config.problems import Problems, did_you_mean
from gatepost.ucl import Array, Loader, Object, UclError, Value, Where

DEFAULTS = Path(str(package_files("gatepost") / "data"))
LOCAL, OVERRIDE = 1, 10
WHOLE_FILES = (
    ("rspamd.conf.local", 0),
    ("rspamd.conf.local.override", OVERRIDE),
    ("rspamd.conf.override", OVERRIDE),
)


@dataclass
class Configuration:
    """The merged configuration. ``tree`` has a key for each section.

    ``folder`` is where the files are (``None`` without any), ``bare`` is true for ``-c FILE``:
    there only modules that have a section are on. ``files`` are all files that were read.
    """

    tree: Object
    folder: Path | None
    state: Path
    bare: bool = False
    files: list[Path] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.tree

    def section(self, name: str) -> Object:
        """The body of a section; of one that was written twice, the later keys win."""
        return flattened(self.tree.get(name))

    def named(self, name: str) -> list[tuple[str, Object]]:
        """Name and body of each section with a name (``group "x" { … }``), in the order written.

        A section without one carries it as the key ``name`` or, for workers, ``type``.
        """
        found: list[tuple[str, Object]] = []
        for holder in sections_in(self.tree.get(name)):
            label = holder.get("name", holder.get("type"))
            if isinstance(label, str):
                found.append((label, holder))
                continue
            for key, value in holder.items():
                found.extend((key, section) for section in sections_in(value))
        return found


def flattened(value: Value) -> Object:
    """One section of what may be several of the same name; empty for anything else."""
    sections = sections_in(value)
    if len(sections) == 1:
        return sections[0]
    merged = Object(where=sections[0].where) if sections else Object()
    for section in sections:
        merged.update(section)
        merged.marks.update(section.marks)
    return merged


def sections_in(value: Value) -> list[Object]:
    """The sections that a key holds: one, several of the same name, or none."""
    items = value if isinstance(value, Array) else [value]
    return [item for item in items if isinstance(item, Object)]


def find_configuration(given: str | None, environment: Mapping[str, str]) -> Path | None:
    """``-c``, else ``$GATEPOST_CONFIG``, else the first folder there is, else built-in defaults."""
    chosen = given or environment.get("GATEPOST_CONFIG")
    if chosen:
        path = Path(chosen)
        if not path.exists():
            message = f"{path}: there is no such file or folder"
            raise ConfigError([Problem("error", None, message)])
        return path
    home = environment.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    for path in (Path("/etc/gatepost"), Path(home) / "gatepost"):
        if path.is_dir():
            return path
    return None


def find_state(environment: Mapping[str, str]) -> Path:
    """``$GATEPOST_STATE``, else ``gatepost`` in the XDG state folder."""
    chosen = environment.get("GATEPOST_STATE")
    if chosen:
        return Path(chosen)
    home = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(home) / "gatepost"


def load_configuration(
    path: Path | None,
    *,
    modules: Collection[str],
    problems: Problems,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    template: bool = True,
) -> Configuration:
    """Reads and merges everything. ``path`` is a folder, a file, or ``None`` for the defaults.

    ``modules`` are the names of the sections that modules take. Mistakes of the text go to
    ``problems``; whatever could be read is returned.
    """
    environment = os.environ if environment is None else environment
    bare = path is not None and not path.is_dir()
    folder = path.parent if path is not None and bare else path
    state = find_state(environment)
    variables = _variables(folder, state)
    loader = Loader(variables, environment=environment, template=template)
    reader = _Reader(loader, frozenset(modules), problems)
    if bare:
        assert path is not None
        reader.load(path, reader.tree, priority=0)
    else:
        reader.read_defaults()
        if folder is not None:
            reader.read_folder(folder)
    for text in overrides:
        apply_override(reader.tree, text, problems)
    reader.report_sections()
    return Configuration(
        tree=reader.tree,
        folder=folder,
        state=state,
        bare=bare,
        files=loader.files,
        variables=variables,
    )


def _variables(folder: Path | None, state: Path) -> dict[str, str]:
    place = str(folder.absolute()) if folder is not None else "/etc/gatepost"
    major, _, minor = __version__.partition(".")
    return {
        "BRANCH_VERSION": __version__,
        "CONFDIR": place,
        "DBDIR": str(state),
        "HOSTNAME": socket.gethostname(),
        "LOCAL_CONFDIR": place,
        "LOGDIR": str(state),
        "PLUGINSDIR": f"{place}/plugins.d",
        "PREFIX": "/usr",
        "RULESDIR": f"{place}/plugins.d",
        "RUNDIR": str(state),
        "SHAREDIR": str(DEFAULTS),
        "VERSION": __version__,
        "VERSION_MAJOR": major,
        "VERSION_MINOR": minor.partition(".")[0],
        "WWWDIR": str(DEFAULTS),
    }


class _Reader:
    def __init__(self, loader: Loader, modules: frozenset[str], problems: Problems) -> None:
        self.loader = loader
        self.modules = modules
        self.problems = problems
        self.tree = Object()

    def load(self, path: Path, into: Object, *, priority: int, merge: bool = False) -> None:
        try:
            self.loader.load(
                path, into=into, priority=priority, strategy="merge" if merge else "append"
            )
        except UclError as error:
            self.problems.error(error.where, error.message)

    def read_defaults(self) -> None:
        """Rspamd's defaults as files, and an empty section for every module: all are there."""
        for name in sorted(self.modules):
            self.tree[name] = Object()
        for path in sorted((DEFAULTS / "sections").glob("*")):
            into = self._target(path.stem)
            if into is not None:
                self.load(path, into, priority=0)

    def read_folder(self, folder: Path) -> None:
        for path in _files_of(folder / "local.d"):
            self._read_part(path, LOCAL, merge=path.stem not in NOT_MERGED)
        for path in _files_of(folder / "override.d"):
            self._read_part(path, OVERRIDE, merge=False)
        for name, priority in WHOLE_FILES:
            path = folder / name
            if path.is_file():
                self.load(path, self.tree, priority=priority)

    def _read_part(self, path: Path, priority: int, *, merge: bool) -> None:
        into = self._target(path.stem)
        if into is not None:
            self.load(path, into, priority=priority, merge=merge)
            return
        if path.stem in MAPS:
            return
        where = Where(str(path), 0)
        name = RENAMED.get(path.stem, path.stem)
        if name in RSPAMD:
            self.problems.warning(where, f"Gatepost has no `{name}` module yet: file ignored")
        else:
            hint = did_you_mean(path.stem, [*self.modules, *CORE, *WORKERS])
            self.problems.warning(where, f"no section is called `{path.stem}`: file ignored{hint}")

    def _target(self, stem: str) -> Object | None:
        """The section that a file of this name is the body of; ``None`` when there is none."""
        if stem in TOP_LEVEL:
            return self.tree
        if stem in WORKERS:
            return self._inside("worker", WORKERS[stem])
        if stem.endswith("_group"):
            return self._inside("group", stem.removesuffix("_group"))
        name = RENAMED.get(stem, stem)
        if name not in CORE and name not in self.modules:
            return None
        return self._body(self.tree, name)

    def _inside(self, section: str, name: str) -> Object:
        return self._body(self._body(self.tree, section), name)

    def _body(self, owner: Object, key: str) -> Object:
        found = owner.get(key)
        if not isinstance(found, Object):
            found = owner[key] = Object()
        return found

    def report_sections(self) -> None:
        """Names sections that nothing here takes."""
        for name in self.tree:
            if name in self.modules or name in CORE:
                continue
            where = self.tree.place(name)
            if name in RSPAMD:
                self.problems.warning(where, f"Gatepost has no `{name}` yet: section ignored")
            else:
                hint = did_you_mean(name, [*self.modules, *CORE])
                self.problems.error(where, f"unknown section `{name}`{hint}")


def _files_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix in (".conf", ".inc") and p.is_file())
