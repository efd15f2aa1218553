# SPDX-License-Identifier: Apache-2.0
"""The seam between the scan port and the protocols spoken on it."""

from gatepost.serve.dialect import Answer, Ask, Dialect, Interim
from gatepost.serve.http_scan import HttpScan
from gatepost.serve.scan_options import ScanPortOptions


def test_http_is_a_dialect_and_says_what_is_to_happen():
    def speak(line: bytes) -> Dialect:
        return HttpScan(line, ScanPortOptions(), lambda: True)

    head = b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    dialect = speak(b"POST /checkv2 HTTP/1.1")
    assert isinstance(dialect.receive(head), Interim)
    assert isinstance(dialect.receive(b"x"), Ask)
    assert isinstance(speak(b"GET /ping HTTP/1.1").receive(b"\r\n"), Answer)
