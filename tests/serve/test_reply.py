# SPDX-License-Identifier: Apache-2.0
"""The object of /checkv2: the names that clients read, and nothing that has nothing to say."""

from __future__ import annotations

import json

import msgspec

from gatepost.serve.reply import CheckReply, GroupReply, HeaderValue, MilterReply, SymbolReply


def as_json(reply: CheckReply) -> dict[str, object]:
    found: dict[str, object] = json.loads(msgspec.json.encode(reply))
    return found


def reply(**fields: object) -> CheckReply:
    return CheckReply(False, 1.5, 15.0, "no action", {}, {"reject": 15.0}, {}, 0.25, **fields)  # type: ignore[arg-type]


def test_what_is_always_there() -> None:
    assert as_json(reply()) == {
        "is_skipped": False,
        "score": 1.5,
        "required_score": 15.0,
        "action": "no action",
        "messages": {},
        "thresholds": {"reject": 15.0},
        "symbols": {},
        "time_real": 0.25,
    }


def test_names_with_a_hyphen_are_those_of_rspamd() -> None:
    found = as_json(reply(message_id="m@x", dkim_signature=["a", "b"], passthrough_module="p"))
    assert found["message-id"] == "m@x"
    assert found["dkim-signature"] == ["a", "b"]
    assert found["passthrough_module"] == "p"


def test_symbols_and_groups_leave_out_what_is_empty() -> None:
    symbols = {"A": SymbolReply("A", 1.0, 1.0), "B": SymbolReply("B", 0.0, 2.0, "why", ["o"])}
    found = as_json(
        msgspec.structs.replace(reply(groups={"g": GroupReply("g", 1.0)}), symbols=symbols)
    )
    assert found["symbols"] == {
        "A": {"name": "A", "score": 1.0, "metric_score": 1.0},
        "B": {
            "name": "B",
            "score": 0.0,
            "metric_score": 2.0,
            "description": "why",
            "options": ["o"],
        },
    }
    assert found["groups"] == {"g": {"name": "g", "score": 1.0}}


def test_a_milter_block_without_changes_is_false() -> None:
    assert not MilterReply()
    assert MilterReply(remove_headers={"X-Spam": 0})
    assert json.loads(msgspec.json.encode(HeaderValue("v"))) == {"value": "v"}
    assert json.loads(msgspec.json.encode(HeaderValue("v", 0))) == {"value": "v", "order": 0}
