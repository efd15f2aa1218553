# SPDX-License-Identifier: Apache-2.0
"""Whose word goes into the seal, and under which name."""

import pytest

from arc_kit import PLAIN
from gatepost.modules.arc import Arc
from gatepost.modules.arc.results import reuse_field, state_found
from gatepost.testing import mail, scan


async def task_of(raw=PLAIN, **envelope):
    return (await scan(Arc, mail(raw=raw, **envelope))).task


@pytest.mark.parametrize(
    "fields, text, arc",
    [
        ([], None, None),
        (["mx.in.example; spf=pass"], "mx.in.example; spf=pass", None),
        (["MX.in.example.; arc=fail (x)"], "MX.in.example.; arc=fail (x)", "fail"),
        (["mx.in.example 1; none"], "mx.in.example; none", None),
        (["evil.example; arc=pass", "mx.in.example; arc=none"], "mx.in.example; arc=none", "none"),
        (["mx.in.example; arc=pass", "mx.in.example; arc=fail"], "mx.in.example; arc=pass", "pass"),
        (["spf=pass"], None, None),
        (["(mx.in.example) x; spf=pass"], None, None),
        (["mx.in.example.evil.example; spf=pass"], None, None),
    ],
)
async def test_only_the_named_service_is_believed(fields, text, arc):
    raw = "".join(f"Authentication-Results: {field}\r\n" for field in fields).encode() + PLAIN
    found = reuse_field(await task_of(raw), "mx.in.example")
    if text is None:
        assert found is None
    else:
        assert (found.text.replace("\r\n\t", " "), found.arc) == (text, arc)


async def test_nobody_without_a_name_is_believed():
    raw = b"Authentication-Results: spf=pass\r\n" + PLAIN
    assert reuse_field(await task_of(raw), "") is None


async def test_a_user_is_named_or_not():
    task = await task_of(user="anna", sender="anna@example.org")
    named = state_found(task, "mx", name_user=True).text.replace("\r\n\t", " ")
    assert named == "mx; auth=pass smtp.auth=anna smtp.mailfrom=anna@example.org"
    unnamed = state_found(task, "mx", name_user=False).text.replace("\r\n\t", " ")
    assert unnamed == "mx; auth=pass smtp.mailfrom=anna@example.org"
    bounce = await task_of(ip=None, sender=None)
    assert state_found(bounce, "mx", name_user=True).text.replace("\r\n\t", " ") == "mx; none"
