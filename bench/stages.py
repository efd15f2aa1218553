# SPDX-License-Identifier: Apache-2.0
"""Where does the time go? The stages of the budget, measured one after the other in one process.

Each stage is run by itself over all letters, its inputs made outside the clock, and the CPU time
of the process is divided by the number of letters. The stages do not add up to the whole: what
the first reader of a lazy attribute pays, the next gets for nothing.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import pstats
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.letters import HEADERS, INBOUND, request
from gatepost.app import OpenApp, build
from gatepost.mail import Message
from gatepost.scan.envelope import parse_envelope
from gatepost.serve.dialect import Ask
from gatepost.serve.http_scan import HttpScan
from gatepost.serve.preparing import answer_options
from gatepost.serve.reply import Peer
from gatepost.serve.result_log import result_line
from gatepost.serve.scan_options import ScanPortOptions
from gatepost.serve.scanning import Scanning
from gatepost.testing import zone

ROUNDS = 60
PEER = Peer("127.0.0.1")


def cpu_of(work: Callable[[], object], letters: int) -> float:
    """Milliseconds of CPU a letter, the best of ``ROUNDS``."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best / letters * 1000


def protocol(requests: Sequence[bytes]) -> None:
    """HTTP request → headers and body → envelope."""
    options = ScanPortOptions()
    for data in requests:
        line, _, rest = data.partition(b"\n")
        dialect = HttpScan(line + b"\n", options, lambda: True)
        asked = dialect.receive(rest)
        assert isinstance(asked, Ask)
        parse_envelope(asked.headers)


def structure(letters: Sequence[bytes]) -> None:
    """MIME tree, headers, addresses, Received."""
    for raw in letters:
        structure_of(Message(raw))


def structure_of(message: Message) -> None:
    _ = message.parts, message.from_, message.recipients, message.received
    _ = message.message_id, message.subject, message.digest


def content(messages: Sequence[Message]) -> None:
    """Text, HTML, URLs and addresses in them; of fresh messages, see ``opened``."""
    for message in messages:
        _ = message.urls, message.emails
        for part in message.text_parts:
            _ = part.text


def words(messages: Sequence[Message]) -> None:
    """Words, as arrays to be hashed."""
    for message in messages:
        for part in message.text_parts:
            _ = part.words


def opened(letters: Sequence[bytes]) -> list[Message]:
    found = [Message(raw) for raw in letters]
    for message in found:
        _ = message.parts, message.received
    return found


class Whole:
    """The whole way of a message through one process, but for the socket."""

    def __init__(self, folder: Path) -> None:
        self.app = build(str(folder))
        self.loop = asyncio.new_event_loop()
        self.open: OpenApp = self.app.open()
        self.scanning = Scanning(self.open.scanner, answer_options(self.app))

    async def _scan_all(self, requests: Sequence[bytes]) -> None:
        options = ScanPortOptions()
        for data in requests:
            line, _, rest = data.partition(b"\n")
            dialect = HttpScan(line + b"\n", options, lambda: True)
            asked = dialect.receive(rest)
            assert isinstance(asked, Ask)
            reply = await self.scanning(asked.headers, asked.body, PEER)
            dialect.reply(reply)

    def scan_all(self, requests: Sequence[bytes]) -> None:
        self.loop.run_until_complete(self._scan_all(requests))

    def close(self) -> None:
        self.loop.run_until_complete(self.open.close())
        self.loop.close()


def measure_stages(
    letters: Sequence[bytes], everything: Path, core: Path
) -> list[tuple[str, float, float | None]]:
    """Stage, milliseconds of CPU a letter, and the budget for a letter of 12 KB."""
    requests = [request(letter) for letter in letters]
    gc.collect()
    gc.freeze()  # as in a worker
    whole = Whole(everything)
    try:
        whole.scan_all(requests)
        return [
            ("protocol and envelope", cpu_of(lambda: protocol(requests), len(letters)), 0.10),
            ("MIME and headers", cpu_of(lambda: structure(letters), len(letters)), 0.20),
            ("HTML, text, URLs", _cpu_of_fresh(content, letters), 0.20),
            ("words", _cpu_of_fresh(words, letters), 0.30),
            ("checks, settings, plan, store", whole_scan(whole, letters), 0.40),
            ("reply and log line", reply_cost(whole, letters), 0.05),
            ("all of it", cpu_of(lambda: whole.scan_all(requests), len(letters)), 1.50),
            ("all of it, core modules alone", measure_core(requests, core), None),
            ("all of it, inbound", measure_inbound(letters, everything), None),
        ]
    finally:
        whole.close()


def measure_core(requests: Sequence[bytes], folder: Path) -> float:
    """The whole with few modules; see ``configuration``."""
    whole = Whole(folder)
    try:
        whole.scan_all(requests)
        return cpu_of(lambda: whole.scan_all(requests), len(requests))
    finally:
        whole.close()


def measure_inbound(letters: Sequence[bytes], folder: Path) -> float:
    """The whole for letters from elsewhere; every name is unknown, and at once."""
    whole = Whole(folder)
    whole.open.scanner.resolver = zone()
    requests = [request(letter, INBOUND) for letter in letters]
    try:
        whole.scan_all(requests)
        return cpu_of(lambda: whole.scan_all(requests), len(letters))
    finally:
        whole.close()


def _cpu_of_fresh(work: Callable[[Sequence[Message]], None], letters: Sequence[bytes]) -> float:
    best = float("inf")
    for _ in range(ROUNDS // 3):
        messages = opened(letters)
        if work is words:
            content(messages)
        started = time.process_time()
        work(messages)
        best = min(best, time.process_time() - started)
    return best / len(letters) * 1000


def whole_scan(whole: Whole, letters: Sequence[bytes]) -> float:
    """The engine with its checks, less what opening the messages costs."""
    scanner = whole.open.scanner

    async def scan_all() -> None:
        for raw in letters:
            await scanner.scan(raw, parse_envelope(HEADERS))

    total = cpu_of(lambda: whole.loop.run_until_complete(scan_all()), len(letters))
    envelope = cpu_of(lambda: [parse_envelope(HEADERS) for _ in letters], len(letters))
    return max(total - envelope - cpu_of(lambda: needed(letters), len(letters)), 0.0)


def needed(letters: Sequence[bytes]) -> None:
    """What the checks of a plain outbound message read of it."""
    for raw in letters:
        message = Message(raw)
        _ = message.is_empty, message.text_parts


def reply_cost(whole: Whole, letters: Sequence[bytes]) -> float:
    """From a finished task to the bytes of the reply, with the line of the log."""
    tasks = []

    async def scan_all() -> None:
        for raw in letters:
            task = await whole.open.scanner.scan(raw, parse_envelope(HEADERS))
            structure_of(task.message)
            content([task.message])
            tasks.append(task)

    whole.loop.run_until_complete(scan_all())
    started = time.process_time()
    for task in tasks:
        verdict = task.result.verdict()
        result_line(task, verdict)
        whole.scanning._reply(task, None)
    return (time.process_time() - started) / len(tasks) * 1000


def python_share(letters: Sequence[bytes], folder: Path) -> float:
    """The share of time in Python functions, the rest being in C: by cProfile, which makes
    Python look dearer than it is."""
    whole = Whole(folder)
    requests = [request(letter) for letter in letters]
    try:
        whole.scan_all(requests)
        profile = cProfile.Profile()
        profile.runcall(whole.scan_all, requests)
    finally:
        whole.close()
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed has it not
    python = sum(row[2] for key, row in stats.items() if key[0] != "~")
    total = sum(row[2] for row in stats.values())
    return float(python / total)
