# SPDX-License-Identifier: Apache-2.0
"""What an SMTP server says, and what that means for each recipient."""

import pytest

from gatepost.cli.dmarc_smtp import SmtpSender
from gatepost.modules.dmarc.delivery import Sent
from smtp_sink import SmtpSink

LETTER = b"Subject: x\r\n\r\n.a line with a dot\r\nand one more\r\n"
ANNA, BOB = "anna@a.example", "bob@b.example"


def sender(sink, **options):
    return SmtpSender("127.0.0.1", sink.port, sender="dmarc@example.org", pause=0.0, **options)


async def send(sink, *recipients, **options):
    async with sender(sink, **options) as one:
        return await one(LETTER, recipients or (ANNA, BOB))


async def test_a_letter_arrives_byte_for_byte():
    with SmtpSink() as sink:
        assert await send(sink) == Sent((ANNA, BOB))
        delivered = sink.next()
    assert delivered.content == LETTER
    assert (delivered.sender, delivered.recipients) == ("dmarc@example.org", (ANNA, BOB))


async def test_one_connection_takes_many_letters():
    with SmtpSink() as sink:
        async with sender(sink) as one:
            for _ in range(5):
                await one(LETTER, [ANNA])
        assert sink.sessions == 1
        assert len(sink.all()) == 5


@pytest.mark.parametrize(
    "replies, expected",
    [
        (
            {f"RCPT {BOB}": "550 5.1.1 unknown"},
            Sent((ANNA,), {BOB: "550 5.1.1 unknown"}),
        ),
        ({f"RCPT {BOB}": "450 4.2.0 later"}, Sent((ANNA,), {}, {BOB: "450 4.2.0 later"})),
        (
            {f"RCPT {BOB}": "554 5.7.1 relaying denied"},
            Sent((ANNA,), {}, {BOB: "554 5.7.1 relaying denied"}),
        ),
        (
            {"RCPT": "550 no", f"RCPT {BOB}": "450 later"},
            Sent((), {ANNA: "550 no"}, {BOB: "450 later"}),
        ),
        (
            {"MAIL": "550 5.1.0 not you"},
            Sent(deferred={ANNA: "550 5.1.0 not you", BOB: "550 5.1.0 not you"}),
        ),
        ({"DATA": "451 busy"}, Sent(deferred={ANNA: "451 busy", BOB: "451 busy"})),
    ],
)
async def test_only_a_clear_no_to_a_mailbox_is_final(replies, expected):
    with SmtpSink(replies) as sink:
        assert await send(sink) == expected
        assert len(sink.all()) == len(expected.accepted)


async def test_what_was_not_final_is_tried_again():
    with SmtpSink({f"RCPT {BOB}": "450 later"}) as sink:

        class Later(SmtpSender):
            """The greylist lets it pass the second time."""

            def _attempt(self, letter, recipients):
                sent = super()._attempt(letter, recipients)
                sink.replies.clear()
                return sent

        server = Later("127.0.0.1", sink.port, sender="d@example.org", retries=2, pause=0.0)
        async with server as one:
            assert await one(LETTER, [ANNA, BOB]) == Sent((ANNA, BOB))
        assert [letter.recipients for letter in sink.all()] == [(ANNA,), (BOB,)]


async def test_a_connection_that_breaks_is_made_anew():
    with SmtpSink() as sink:
        async with sender(sink) as one:
            assert (await one(LETTER, [ANNA])).accepted == (ANNA,)
            sink.replies["NOOP"] = ""  # it hangs up
            assert (await one(LETTER, [BOB])).accepted == (BOB,)
        assert sink.sessions == 2


async def test_a_server_that_hangs_up_leaves_the_letter_for_later():
    with SmtpSink({"DATA": ""}) as sink:
        sent = await send(sink, ANNA, retries=1)
        assert sink.sessions == 2
    assert sent.accepted == ()
    assert list(sent.deferred) == [ANNA]


async def test_a_server_that_is_not_there_is_named():
    with SmtpSink() as sink:
        port = sink.port
    async with SmtpSender("127.0.0.1", port, sender="d@example.org") as one:
        sent = await one(LETTER, [ANNA])
    assert sent.deferred[ANNA].startswith(f"127.0.0.1:{port}: ")


async def test_what_the_server_says_cannot_break_the_log():
    with SmtpSink({"RCPT": "550 \x1b[31mred\x07" + "x" * 900}) as sink:
        sent = await send(sink, ANNA, retries=0)
    (text,) = [*sent.refused.values(), *sent.deferred.values()]
    assert text.isprintable()
    assert len(text) <= 200
