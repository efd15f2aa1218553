# SPDX-License-Identifier: Apache-2.0
"""What stands behind every front end: request headers and bytes in, a reply out.

Counts the messages in hand, logs the one result line, and turns whatever goes wrong into
``ScanFailed``, which every protocol answers with a temporary failure.
"""

from __future__ import annotations

import logging

from gatepost.scan.envelope import parse_envelope
from gatepost.scan.outcomes import Trace
from gatepost.scan.scanner import Scanner
from gatepost.scan.task import Task
from gatepost.serve.answer import AnswerOptions, build_reply
from gatepost.serve.errors import ScanFailed
from gatepost.serve.reply import CheckReply, Peer, RequestHeaders
from gatepost.serve.result_log import MAX_ELEMENTS, result_line

log = logging.getLogger("gatepost.task")


class Scanning:
    """The ``Scan`` of a worker. ``in_hand`` is the number of messages being scanned now."""

    def __init__(
        self,
        scanner: Scanner,
        answer: AnswerOptions,
        *,
        max_recipients: int = 1024,
        max_elements: int = MAX_ELEMENTS,
    ) -> None:
        """``max_elements``: of a list in the result line, as ``result_line`` has it."""
        self.scanner = scanner
        self.answer = answer
        self.max_recipients = max_recipients
        self.max_elements = max_elements
        self.in_hand = 0
        self.scanned = 0
        self.failed = 0

    async def __call__(self, headers: RequestHeaders, body: bytes, peer: Peer) -> CheckReply:
        """Scans one message. Raises ``ScanFailed`` when there is no verdict."""
        self.in_hand += 1
        try:
            return await self._scan(headers, body, peer)
        except Exception as error:
            self.failed += 1
            log.exception("the scan failed: %s", type(error).__name__)
            raise ScanFailed(f"scan failed: {type(error).__name__}") from error
        finally:
            self.in_hand -= 1

    async def _scan(self, headers: RequestHeaders, body: bytes, peer: Peer) -> CheckReply:
        if peer.settings_id:
            # The listener's id stands for the MTA's will; a client can't talk it away.
            headers = [h for h in headers if h[0].lower() != "settings-id"]
            headers.append(("Settings-ID", peer.settings_id))
        envelope = parse_envelope(
            headers, peer=peer.address, protocol=peer.protocol, max_recipients=self.max_recipients
        )
        if not peer.mime:
            envelope.flags |= {"raw"}
        trace = Trace() if "profile" in envelope.flags else None
        task = await self.scanner.scan(body, envelope, trace=trace)
        self.scanned += 1
        return self._reply(task, trace)

    def _reply(self, task: Task, trace: Trace | None) -> CheckReply:
        verdict = task.result.verdict()
        if "no_log" not in task.flags and log.isEnabledFor(logging.INFO):
            log.info(
                "%s",
                result_line(task, verdict, max_elements=self.max_elements),
                extra={"task": task.id, "queue_id": task.envelope.queue_id, "result": True},
            )
        reply = build_reply(task, verdict, self.answer)
        if trace is not None:
            reply.profile = {o.name: o.ms for o in trace.outcomes.values() if o.outcome == "ran"}
        return reply
