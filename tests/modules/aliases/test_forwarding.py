# SPDX-License-Identifier: Apache-2.0
"""The traces of each forwarding service, and what is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.aliases import Aliases
from gatepost.testing import Bench, mail, scan

RCPT = "bob@ours.example"
CAF = "bob+caf_=bob=ours.example@gmail.com"
SRS = "SRS0=HHH=TT=ours.example=bob@fwd.example"
OTHER_SRS = "SRS0=HHH=TT=else.example=eve@fwd.example"


def received(for_):
    return f"from a.example ([192.0.2.1]) by b.example for <{for_}>; Thu, 1 Jan 2026 00:00:00 +0000"


FOR_ANNA, FOR_BOB = received("anna@a.example"), received(RCPT)


@pytest.mark.parametrize(
    "letter, hits",
    [
        # Google: the recipient stands in the sender
        ({"sender": CAF}, {"FWD_GOOGLE": ["bob@gmail.com"]}),
        ({"sender": CAF.upper()}, {}),
        ({"sender": CAF, "rcpt": "carol@ours.example"}, {}),
        ({"sender": CAF, "rcpt": [RCPT, "carol@ours.example"]}, {}),
        ({"sender": "+caf_=bob=ours.example@gmail.com"}, {}),
        # Yandex, Mail.ru: their host and their header
        (
            {"hostname": "forward1.mail.Yandex.net", "headers": {"X-Yandex-Forward": "x"}},
            {"FWD_YANDEX": []},
        ),
        ({"hostname": "forward1.mail.yandex.net"}, {}),
        ({"hostname": "notyandex.net", "headers": {"X-Yandex-Forward": "x"}}, {}),
        ({"headers": {"X-Yandex-Forward": "x"}}, {}),
        ({"hostname": "f1.mail.ru", "headers": {"X-MailRu-Forward": "x"}}, {"FWD_MAILRU": []}),
        ({"hostname": "f1.email.ru", "headers": {"X-MailRu-Forward": "x"}}, {}),
        (
            {"hostname": "f1.mail.ru", "sender": "", "headers": {"X-MailRu-Forward": "x"}},
            {},
        ),
        # rewritten senders
        ({"sender": SRS}, {"FWD_SRS": []}),
        ({"sender": OTHER_SRS}, {}),
        ({"sender": SRS, "rcpt": [RCPT, "carol@ours.example"]}, {}),
        ({"sender": OTHER_SRS, "headers": {"X-Sieve-Redirected-From": "x"}}, {"FWD_SIEVE": []}),
        ({"headers": {"X-Sieve-Redirected-From": "x"}}, {}),
        (
            {"sender": OTHER_SRS, "headers": {"From-Rewrite": "this is a forwarded message"}},
            {"FWD_CPANEL": []},
        ),
        ({"sender": OTHER_SRS, "headers": {"From-Rewrite": "no"}}, {}),
        # a Received header for somebody else
        ({"headers": {"Received": FOR_ANNA}}, {"FORWARDED": ["anna@a.example"]}),
        ({"headers": {"Received": [FOR_BOB, FOR_ANNA]}}, {}),
        ({"headers": {"Received": received("BOB@OURS.example")}}, {}),
        ({"headers": {"Received": received("bob+tag@ours.example")}}, {}),
        (
            {"headers": {"Received": FOR_ANNA}, "sender": ""},
            {"FORWARDED": ["anna@a.example"]},
        ),
        ({"headers": {"Received": FOR_ANNA}, "rcpt": [RCPT, "carol@ours.example"]}, {}),
        ({"headers": {"Received": received("anna")}}, {}),
        # a list that writes to each by name
        (
            {
                "headers": {
                    "Received": FOR_ANNA,
                    "List-Unsubscribe": "<mailto:x@y.example>",
                    "To": "anna@a.example",
                }
            },
            {},
        ),
        ({"rcpt": []}, {}),
    ],
)
async def test_traces(letter, hits):
    config = "aliases { enable_plus_aliases = no; enable_gmail_rules = no; }"
    found = await scan(Aliases, mail(**{"rcpt": RCPT, **letter}), config=config)
    assert found.hits == hits


async def test_the_first_trace_counts():
    letter = mail(sender=CAF, rcpt=RCPT, headers={"Received": FOR_ANNA})
    found = await scan(Aliases, letter, config="aliases { enable_gmail_rules = no; }")
    assert "FWD_GOOGLE" in found.hits
    assert "FORWARDED" not in found.hits


ODD = st.text(alphabet='ab+=.@<>",: _\u00fc', max_size=40)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(ODD, ODD, ODD, ODD)
async def test_no_address_breaks_it(sender, rcpt, author, for_):
    headers = {"From": author, "To": rcpt, "Received": f"from a by b for <{for_}>; x"}
    config = 'aliases { local_domains = [b]; rspamd_aliases { "a@b" = "b@a" } }'
    async with Bench([Aliases], config=config) as bench:
        found = await bench.scan(mail(sender=sender, rcpt=[rcpt], headers=headers))
    assert found.outcomes["ALIASES_CHECK"].outcome == "ran"
