# SPDX-License-Identifier: Apache-2.0
"""How does a scan's reply become edits and one decision for the MTA?

Order and wording are core reference §8.3. Done otherwise than there, on purpose: the
``reject`` and ``no_action`` switches hold for their message alone; a ``spam_header`` of
the scan's does not lose the signatures; a custom action declared with ``milter =
"discard"`` or ``"quarantine"`` does that; a header is never removed twice; nothing is
edited in a message that is refused. An edit that was not negotiated is left out, and a
quarantine that was not negotiated becomes a refusal, never a delivery.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from gatepost.serve.milter import answers as a
from gatepost.serve.milter.header_edits import HeaderEdits
from gatepost.serve.milter.letter import Refusal
from gatepost.serve.milter.options import MilterOptions
from gatepost.serve.milter.smtp_text import one_line, reply_line
from gatepost.serve.reply import AddHeader, CheckReply, HeaderValue, MilterReply

log = logging.getLogger("gatepost.milter")

SIGNATURE = "DKIM-Signature"
BELOW_RECEIVED = 1
MAX_ADDRESSES = 1000
MAX_ADDRESS = 1024


def answers_to(
    reply: CheckReply, names: Sequence[bytes], options: MilterOptions, actions: int
) -> list[a.Answer]:
    """Edits, then one decision. ``names``: the message's headers; ``actions``: negotiated."""
    ending = _decide(reply, options, actions)
    if not isinstance(ending[-1], a.Accept):
        return ending
    edits = [*_header_edits(reply, names, options, actions), *_envelope_edits(reply.milter)]
    allowed: list[a.Answer] = [edit for edit in edits if not edit.needs & ~actions]
    if len(allowed) < len(edits):
        log.warning("%d edits are left out: not negotiated", len(edits) - len(allowed))
    return allowed + ending


def failure(options: MilterOptions) -> list[a.Answer]:
    """The answer when a scan gave no verdict."""
    return [a.Accept() if options.on_failure == "accept" else a.Tempfail()]


def refusal(why: Refusal, options: MilterOptions) -> list[a.Answer]:
    """The answer to a message that could not be held."""
    if why == "busy":
        text = reply_line("452", "4.3.1", options.tempfail_message, "Try again later")
        return [a.ReplyCode(text)]
    if options.on_oversize == "accept":
        return [a.Accept()]
    if options.on_oversize == "tempfail":
        return [a.Tempfail()]
    return [a.ReplyCode("552 5.3.4 Message is too large to be scanned")]


def _decide(reply: CheckReply, options: MilterOptions, actions: int) -> list[a.Answer]:
    """The decision, after a quarantine where that is how it is kept."""
    text = reply.messages.get("smtp_message", "")
    milter = reply.milter or MilterReply()
    action = reply.action
    if milter.no_action:
        return [a.Accept()]
    if action == "reject":
        return _reject(reply, milter, options, actions)
    if action == "soft reject":
        return [a.ReplyCode(reply_line("451", "4.7.1", text, options.tempfail_message))]
    if action == "discard" or (reply.reject == "discard" and _is_custom(action)):
        return [a.Discard()]
    if action == "quarantine" or (reply.reject == "quarantine" and _is_custom(action)):
        kept = _quarantine(text, options, actions)
        if not kept:
            log.warning("no quarantine was negotiated: temporary failure")
        return kept or [a.Tempfail()]
    return [a.Accept()] if action else [a.Tempfail()]


def _is_custom(action: str) -> bool:
    return action not in ("no action", "greylist", "add header", "rewrite subject")


def _reject(
    reply: CheckReply, milter: MilterReply, options: MilterOptions, actions: int
) -> list[a.Answer]:
    text = reply.messages.get("smtp_message", "")
    switch = milter.reject or reply.reject
    discards = options.discard_on_reject and switch is None
    if switch == "discard" or discards:
        return [a.Discard()]
    if switch == "quarantine" or (options.quarantine_on_reject and switch is None):
        kept = _quarantine(text, options, actions)
        if kept:
            return kept
    return [a.ReplyCode(reply_line("554", "5.7.1", text, options.reject_message))]


def _quarantine(text: str, options: MilterOptions, actions: int) -> list[a.Answer]:
    if not actions & a.QUARANTINE:
        return []
    return [a.Quarantine(one_line(text) or one_line(options.quarantine_message)), a.Accept()]


def _header_edits(
    reply: CheckReply, names: Sequence[bytes], options: MilterOptions, actions: int
) -> list[a.Edit]:
    milter = reply.milter or MilterReply()
    marks = _spam_marks(reply, milter, options)
    edits = HeaderEdits(names)
    for name, which in milter.remove_headers.items():
        edits.remove(name, which if isinstance(which, list) else [which])
    for name in marks:
        edits.remove(name, [0])
    for signature in _signatures(reply.dkim_signature):
        edits.add(SIGNATURE, signature, BELOW_RECEIVED)
    marked = {name.lower() for name in marks}
    for name, values in milter.add_headers.items():
        if name.lower() not in marked:
            for value, order in _values(values):
                edits.add(name, value, order)
    may_change = bool(actions & a.CHANGE_HEADERS)
    for name, value in marks.items():
        edits.set(name, value, may_change=may_change)
    if milter.no_action:
        edits.add("X-Rspamd-Action", reply.action, None)
    elif reply.action == "rewrite subject" and reply.subject:
        edits.set("Subject", reply.subject, may_change=edits.has("Subject"))
    return edits.edits


def _spam_marks(reply: CheckReply, milter: MilterReply, options: MilterOptions) -> dict[str, str]:
    """Header → value that tells the reader: this is spam."""
    if reply.action != "add header":
        return {}
    if isinstance(milter.spam_header, dict):
        return milter.spam_header
    if milter.spam_header:
        return {options.spam_header: milter.spam_header}
    return {} if milter.no_action else {options.spam_header: "Yes"}


def _signatures(given: str | list[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else given


def _values(given: AddHeader) -> Iterator[tuple[str, int | None]]:
    if isinstance(given, str):
        yield given, None
    elif isinstance(given, HeaderValue):
        yield given.value, given.order
    else:
        for value in given:
            yield value.value, value.order


def _envelope_edits(milter: MilterReply | None) -> Iterator[a.Edit]:
    if milter is None:
        return
    if milter.change_from is not None and (address := _path(milter.change_from)):
        yield a.ChangeFrom(address)
    for recipient in milter.add_rcpt[:MAX_ADDRESSES]:
        if address := _path(recipient):
            yield a.AddRcpt(address)
    for recipient in milter.del_rcpt[:MAX_ADDRESSES]:
        if address := _path(recipient):
            yield a.DelRcpt(address)


def _path(address: str) -> str:
    """An address in brackets; empty when it is none that may go over the wire."""
    clean = address.strip()
    if len(clean) > MAX_ADDRESS or not clean.isprintable():
        log.warning("the address %.80r is not used", clean)
        return ""
    return clean if clean.startswith("<") else f"<{clean}>"
