# SPDX-License-Identifier: Apache-2.0
"""The command ``gpc``: rspamc's client for Gatepost, for scanning messages.

Several messages are scanned at once, and printed in the order they were named. Learning and
statistics need the controller; their commands are refused.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from gatepost.cli import DONE, FAILED, INTERRUPTED, WRONG_USAGE, reader_has_gone
from gatepost.cli.errors import CliError, RequestFailed, UsageError
from gatepost.cli.gpc_client import ScanReply, Server, parse_server, scan_message
from gatepost.cli.gpc_inputs import Input, find_inputs
from gatepost.cli.gpc_mime import mime_failure, mime_message
from gatepost.cli.gpc_options import SCAN_COMMANDS, command_list, parse_arguments
from gatepost.cli.gpc_output import Style, render, render_failure
from gatepost.cli.gpc_request import RequestHeaders, request_headers


def main(argv: Sequence[str] | None = None) -> int:
    """Runs ``gpc ARGV``; returns its exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        return _run(parse_arguments(argv))
    except SystemExit as stop:  # argparse: --help, or wrong usage
        return stop.code if isinstance(stop.code, int) else WRONG_USAGE
    except UsageError as error:
        print(f"gpc: {error}", file=sys.stderr)
        return WRONG_USAGE
    except CliError as error:
        print(f"gpc: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return reader_has_gone()


def _run(args: argparse.Namespace) -> int:
    if args.commands:
        print(command_list(), end="")
        return DONE
    if args.command not in SCAN_COMMANDS:
        raise CliError(
            f"{args.command} needs the controller, which this version of Gatepost does not have"
            " yet; gpc can scan: gpc symbols FILE"
        )
    client = Client(args)
    inputs = find_inputs(
        args.inputs, files_list=args.files_list, exclude=args.exclude, empty=args.empty
    )
    code = asyncio.run(client.scan_all(inputs))
    sys.stdout.flush()
    return code


class Scanned:
    """A message and what became of it."""

    __slots__ = ("message", "name", "outcome")

    def __init__(self, name: str, message: bytes, outcome: ScanReply | RequestFailed) -> None:
        self.name = name
        self.message = message
        self.outcome = outcome


class Client:
    """One run of ``gpc``. Raises ``UsageError`` when the options make no request."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.server: Server = parse_server(args.connect)
        self.headers: RequestHeaders = request_headers(args)
        self.program: list[str] = _program(args.exec)
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and not self.program
        self.style = Style(terminal=colour)

    async def scan_all(self, inputs: Iterable[Input | CliError]) -> int:
        """Scans and prints; at most ``max_requests`` messages are in memory."""
        code = DONE
        waiting: deque[asyncio.Task[Scanned] | CliError] = deque()
        source = iter(inputs)
        try:
            while self._fill(waiting, source) or waiting:
                first = waiting.popleft()
                if isinstance(first, CliError):
                    print(f"gpc: {first}", file=sys.stderr)
                    code |= FAILED
                else:
                    code |= await self._finish(first)
        finally:
            for task in waiting:
                if not isinstance(task, CliError):
                    task.cancel()
        return code

    def _fill(
        self, waiting: deque[asyncio.Task[Scanned] | CliError], source: Iterator[Input | CliError]
    ) -> bool:
        """Starts scans up to the limit; True when one was started."""
        before = len(waiting)
        loop = asyncio.get_running_loop()
        while len(waiting) < self.args.max_requests:
            found = next(source, None)
            if found is None:
                break
            if isinstance(found, Input):
                try:
                    message = found.read()
                except CliError as error:
                    waiting.append(error)
                    continue
                waiting.append(loop.create_task(self._scan(found.name, message)))
            else:
                waiting.append(found)
        return len(waiting) > before

    async def _scan(self, name: str, message: bytes) -> Scanned:
        args = self.args
        filename = "".join(c if c.isprintable() else "?" for c in name)
        try:
            reply = await scan_message(
                self.server,
                [*self.headers, ("Filename", filename)],
                message,
                timeout=args.timeout,
                compressed=args.compressed,
                bind=args.bind,
            )
        except RequestFailed as failure:
            return Scanned(name, message, failure)
        if args.verbose:
            size, seconds = len(message), reply.seconds
            print(f"gpc: {name}: {size} bytes to {self.server}, {seconds:.3f} s", file=sys.stderr)
        return Scanned(name, message, reply)

    async def _finish(self, task: asyncio.Task[Scanned]) -> int:
        """Prints one message's result, or hands it to the program; returns the exit code."""
        scanned = await task
        failed = isinstance(scanned.outcome, RequestFailed)
        output = self._output(scanned)
        if failed and (self.args.json or self.args.compact or self.args.mime or self.args.human):
            print(f"gpc: {scanned.name}: {scanned.outcome}", file=sys.stderr)
        if self.program:
            status = await _pipe(self.program, output)
        else:
            _write(sys.stdout.buffer, output)
            status = DONE
        return status | (FAILED if failed else DONE)

    def _output(self, scanned: Scanned) -> bytes:
        name, outcome = scanned.name, scanned.outcome
        if isinstance(outcome, RequestFailed):
            if self.args.mime:
                return mime_failure(scanned.message, str(outcome))
            return render_failure(str(outcome), name, self.args).encode("utf-8", "replace")
        if self.args.mime:
            return mime_message(scanned.message, outcome, name, self.args)
        return render(outcome, name, self.args, self.style).encode("utf-8", "replace")


def _program(command: str | None) -> list[str]:
    if command is None:
        return []
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"-e {command!r}: {error}") from None
    if not words:
        raise UsageError("-e needs a program")
    return words


async def _pipe(program: list[str], output: bytes) -> int:
    """Runs ``program`` with ``output`` on its stdin; its status, as a shell gives it."""
    sys.stdout.flush()
    try:
        child = await asyncio.create_subprocess_exec(*program, stdin=subprocess.PIPE)
    except OSError as error:
        raise CliError(f"cannot execute {program[0]}: {error.strerror or error}") from error
    try:
        await child.communicate(output)
    except (BrokenPipeError, ConnectionResetError):  # it did not want all of it
        await child.wait()
    code = child.returncode or 0
    return code if code >= 0 else 128 - code


def _write(out: BinaryIO, data: bytes) -> None:
    out.write(data)
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
