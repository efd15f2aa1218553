# SPDX-License-Identifier: Apache-2.0
"""A task around a letter, for tests of selectors: no resolver, no store, as none asks them."""

from gatepost.mail import Message
from gatepost.scan.actions import Action, ActionTable
from gatepost.scan.direction import AUTHENTICATED, INBOUND
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.result import Result
from gatepost.scan.selectors import parse_selector
from gatepost.scan.symbol import Group, Symbol, SymbolRegistry
from gatepost.scan.task import Task

NOON = 1_700_049_600.0
"""Wed, 15 Nov 2023 12:00:00 UTC."""

LETTER = b"""\
Received: from mail.example.net (mail.example.net [192.0.2.7])
\tby mx.example.org (Postfix) with ESMTPSA id 4ABC
\tfor <bob@example.org>; Tue, 14 Nov 2023 11:59:00 +0000
Received: from laptop ([10.1.2.3]) by mail.example.net with ESMTP id 4DEF;
\tTue, 14 Nov 2023 11:58:00 +0000
From: =?utf-8?q?J=C3=BCrgen?= <Juergen@Sub.Example.NET>
To: Bob <bob@example.org>, carol@example.com
Cc: dave@example.co.uk
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an Alle
Date: Tue, 14 Nov 2023 10:00:00 +0000
Message-ID: <abc@example.net>
X-Mark: one
x-mark: two
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>Go to <a href="https://user@www.shop.example.co.uk:8443/a/b?c=d#e">https://bank.example/</a>
or <a href="http://www.example.com/x">this</a> or <a href="mailto:eve@example.org">Eve</a>.
<img src="http://pictures.example/p.png"></p>
--b
Content-Type: application/pdf; name="Invoice.pdf"
Content-Disposition: attachment; filename="Invoice.pdf"
Content-Transfer-Encoding: base64

aGVsbG8=
--b--
"""

ENVELOPE = {
    "IP": "192.0.2.77",
    "Helo": "laptop.example.net",
    "From": "<Anna@Example.ORG>",
    "Rcpt": "bob@example.org, carol@sub.example.com",
    "User": "Anna",
    "Queue-Id": "4XYZ",
    "Deliver-To": "Bob@example.org",
    "X-Tenant": "acme",
}


def make_task(letter=LETTER, envelope=ENVELOPE, **changes):
    """``changes`` replace request headers; ``None`` takes one away. ``variables`` sets those."""
    variables = changes.pop("variables", {})
    headers = {**envelope, **{name.replace("_", "-"): text for name, text in changes.items()}}
    told = parse_envelope([(name, text) for name, text in headers.items() if text is not None])
    registry = SymbolRegistry(groups=[Group("urls")])
    registry.add(Symbol("BAD_URL", 3.5), check="URLS", group="urls")
    registry.add(Symbol("GOOD_URL", -1.0), check="URLS", group="urls")
    task = Task(
        Message(letter),
        told,
        result=Result(registry, ActionTable([Action("reject", 15), Action("add header", 2)])),
        resolver=None,
        store=None,
        direction=AUTHENTICATED if told.user else INBOUND,
        now=NOON,
    )
    task.variables.update(variables)
    task.result.insert(Symbol("BAD_URL")("shop.example", "two"))
    task.result.insert(Symbol("GOOD_URL")())
    return task


def evaluate(text, task=None, **options):
    """What the selector gives for the task, or for the usual one."""
    return parse_selector(text, **options).evaluate(task or make_task())
