# SPDX-License-Identifier: Apache-2.0
"""Statements about a letter are made under the MTA's name."""

from __future__ import annotations

import platform

import pytest

from gatepost.scan.authserv_id import find_authserv_id
from gatepost.testing import mail
from scan_tasks import task_of


@pytest.mark.parametrize(
    "request_headers, name",
    [
        ({}, "host"),
        ({"MTA-Name": "mx.example.org"}, "mx.example.org"),
        ({"MTA-Tag": "tag.example.org"}, "tag.example.org"),
        ({"MTA-Name": "mx.example.org", "MTA-Tag": "tag.example.org"}, "mx.example.org"),
        ({"MTA-Name": "ORIGINATING"}, "host"),
        ({"MTA-Name": ""}, "host"),
    ],
)
def test_we_call_ourselves_as_the_mta_does(request_headers: dict[str, str], name: str) -> None:
    task = task_of(mail(request=request_headers))
    assert find_authserv_id(task, "host") == name


def test_without_any_name_it_is_this_machine() -> None:
    assert find_authserv_id(task_of()) == platform.node()
