# SPDX-License-Identifier: Apache-2.0
"""Milter headers: what is written into the header of a letter about its scan?

Routines, each for one header, are chosen by ``use``; their values come from the finished result.
Mail that goes out shows nothing of it, unless options say so: a score helps nobody there, and
tells spammers how far they went.

Source: direction-modules reference §19; DESIGN §4.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gatepost.config import Names
from gatepost.modules.milter_headers.custom import CustomRoutine, load_routine
from gatepost.modules.milter_headers.edits import Edits, is_header_name
from gatepost.modules.milter_headers.options import Routines
from gatepost.modules.milter_headers.routines import (
    EXTENDED,
    NEVER_SKIPPED,
    ROUTINES,
    Writing,
)
from gatepost.scan.direction import ADAPT, ALL_DIRECTIONS, RUN
from gatepost.scan.module import (
    Adapt,
    Direction,
    Module,
    ModuleOptions,
    Raw,
    Ruling,
    Setup,
    Stage,
    runs,
)
from gatepost.scan.python_files import PythonFileError
from gatepost.scan.task import Task
from gatepost.ucl import Object

MAX_ROUTINES = 100  # that settings of one message may name


class MilterHeaders(Module):
    """Runs the routines that are in use for this message, in their order."""

    name = "milter_headers"
    group = "milter_headers"
    outbound = Adapt(
        "headers are not added, except those that local_headers or authenticated_headers name, "
        "fuzzy-hashes and own routines; upstream's spam flag is removed all the same",
        override=("skip_local", "skip_authenticated", "local_headers", "authenticated_headers"),
    )

    class Options(ModuleOptions, frozen=True):
        """What to write, and for whom."""

        use: Names = []
        """Routines that run, in this order."""
        extended_spam_headers: bool = False
        """Use `x-spamd-result`, `x-rspamd-server`, `x-rspamd-queue-id`, `x-rspamd-action` too."""
        remove_upstream_spam_flag: bool = True
        """Use `remove-spam-flag` too: the header X-Spam of others is removed."""
        skip_local: bool = True
        """Mail of local senders gets no headers."""
        skip_authenticated: bool = True
        """Mail of authenticated senders gets no headers."""
        skip_all: bool = False
        """No mail gets headers."""
        local_headers: Names = []
        """Routines that run for local senders all the same."""
        authenticated_headers: Names = []
        """Routines that run for authenticated senders all the same."""
        extended_headers_rcpt: Raw = None
        """Recipients (`user@domain`, `user` or `@domain`): for a letter to one of them nothing is
        skipped."""
        default_headers_order: int | None = None
        """Where headers of several lines go: 0 the top, 1 below the MTA's Received, -1 (also unset)
        the end."""
        headers_modify_mode: Literal["compat", "override"] = "compat"
        """`compat`: all fuzzy hashes in one header; `override`: a header for each."""
        routines: Routines = Routines()
        """A section for each routine: see above."""
        custom: dict[str, str] = {}
        """Own routines in Python, `NAME = "FILE.py:FUNCTION"`; they run if `use` names them."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Finds the routines in use, and those that are left for each direction."""
        options = self.options
        self.custom = self._load_custom(setup)
        self.recipients = setup.map(
            options.extended_headers_rcpt, kind="set", option="extended_headers_rcpt"
        )
        distrusted = options.routines.authentication_results.remove_ar_from
        self.distrusted = setup.map(distrusted, kind="set", option="routines")
        self._check_names(setup)
        names = list(options.use)
        for name in names:
            if name not in ROUTINES and name not in self.custom:
                known = ", ".join([*ROUTINES, *self.custom])
                setup.problem("use", f"there is no routine `{name}`; expected one of: {known}")
        names += EXTENDED if options.extended_spam_headers else ()
        names += ("remove-spam-flag",) if options.remove_upstream_spam_flag else ()
        self.names = tuple(dict.fromkeys(names))
        self.left = {
            direction: tuple(name for name in self.names if not self._skips(name, direction))
            for direction in ALL_DIRECTIONS.values()
        }

    def ready(self) -> bool:
        """Without routines there is nothing to write."""
        return bool(self.names)

    def ruling(self, direction: Direction) -> Ruling:
        """``run`` as soon as no option leaves anything out for the direction."""
        options = self.options
        skipped = options.skip_all
        skipped |= direction.local and options.skip_local
        skipped |= direction.authenticated and options.skip_authenticated
        return ADAPT if skipped else RUN

    @runs(
        Stage.IDEMPOTENT,
        callback="MILTER_HEADERS",
        ignore_passthrough=True,
        explicit_disable=True,
        empty=True,
    )
    async def check(self, task: Task) -> None:
        """Writes the headers; own routines may wait for something."""
        names = self._names_for(task)
        if not names:
            return
        newline = "\n" if task.message.newline == b"\n" else "\r\n"
        edits = Edits(newline, self.options.default_headers_order)
        joined = self.options.headers_modify_mode == "compat"
        verdict, routines = task.result.verdict(), self.options.routines
        writing = Writing(task, verdict, edits, routines, self.distrusted, joined)
        shared: dict[str, object] = {}
        for name in names:
            own = self.custom.get(name)
            if own is not None:
                await own.write(task, edits, shared)
            else:
                ROUTINES[name](writing)
        edits.apply(task)

    def _names_for(self, task: Task) -> Sequence[str]:
        plugin = task.settings.plugins.get("milter_headers")
        wished = plugin.get("routines") if isinstance(plugin, dict) else None
        if isinstance(wished, list):  # as rspamd: they replace all, and nothing is skipped
            known = [n for n in wished[:MAX_ROUTINES] if isinstance(n, str) and self._knows(n)]
            return list(dict.fromkeys(known))
        left = self.left[task.direction]
        return self.names if left != self.names and self._is_extended(task) else left

    def _knows(self, name: str) -> bool:
        return name in ROUTINES or name in self.custom

    def _is_extended(self, task: Task) -> bool:
        if self.recipients is None:
            return False
        for recipient in task.envelope.recipients:
            user, _, domain = recipient.addr.rpartition("@")
            if any(key in self.recipients for key in (recipient.addr, user, f"@{domain}")):
                return True
        return False

    def _skips(self, name: str, direction: Direction) -> bool:
        options = self.options
        if name in NEVER_SKIPPED or name in self.custom:
            return False
        # Rspamd asks for `x-rspamd-bar` here, its documentation for the routine's name.
        names = {name, "x-rspamd-bar"} if name == "x-spamd-bar" else {name}
        if direction.local and options.skip_local and names.isdisjoint(options.local_headers):
            return True
        if (
            direction.authenticated
            and options.skip_authenticated
            and names.isdisjoint(options.authenticated_headers)
        ):
            return True
        return options.skip_all

    def _load_custom(self, setup: Setup) -> dict[str, CustomRoutine]:
        found: dict[str, CustomRoutine] = {}
        section = setup.section.get("custom")
        for name, given in self.options.custom.items():
            where = section.place(name) if isinstance(section, Object) else setup.place("custom")
            if name in ROUTINES:
                message = "a routine of this name is built in"
            else:
                try:
                    found[name] = load_routine(name, given, Path(where.file).parent)
                    continue
                except PythonFileError as error:
                    message = str(error)
            setup.problems.error(where, f"{setup.name}.custom.{name}: {message}")
        return found

    def _check_names(self, setup: Setup) -> None:
        """A header that cannot be one is a mistake now, not on every message."""
        routines = self.options.routines
        named = [getattr(getattr(routines, f), "header", "") for f in routines.__struct_fields__]
        for name in [*named, *routines.add_headers.headers, *routines.remove_headers.headers]:
            if name and not is_header_name(name):
                setup.problem("routines", f"`{name}` is no name of a header")
        known = {*ROUTINES, *self.custom, "x-rspamd-bar"}
        for option in ("local_headers", "authenticated_headers"):
            for name in getattr(self.options, option):
                if name not in known:
                    setup.problem(option, f"there is no routine `{name}`")
