# SPDX-License-Identifier: Apache-2.0
import pytest

from gatepost.serve.milter.errors import MilterError
from gatepost.serve.milter.messages import Negotiate
from gatepost.serve.milter.negotiation import answered_messages, negotiate


def test_postfix_and_sendmail_are_asked_for_the_settings_id_and_for_silence():
    taken = negotiate(Negotiate(6, 0x1FF, 0x1FFFFF))
    assert (taken.version, taken.actions, taken.protocol) == (6, 0x17D, 0xFF080)
    names = taken.macros[0].split()
    assert {"j", "_", "v", "{daemon_name}", "{daemon_addr}", "{if_name}"} < set(names)
    assert "{settings_id}" in names
    assert not answered_messages(taken)


@pytest.mark.parametrize(
    "offer, taken",
    [
        ((6, 0x01, 0x1FFFFF), (6, 0x01, 0xFF080)),
        ((6, 0, 0), (6, 0, 0)),
        ((7, 0x1FF, 0x1FFFFF), (6, 0x17D, 0xFF080)),
        ((2, 0x3F, 0x7F), (2, 0x3D, 0)),
        ((2, 0x1FF, 0xFF), (2, 0x7D, 0x80)),
        ((6, 0xFFFFFFFF, 0xFFFFFFFF), (6, 0x17D, 0xFF080)),
    ],
)
def test_nothing_is_taken_that_was_not_offered(offer, taken):
    answer = negotiate(Negotiate(*offer))
    assert (answer.version, answer.actions, answer.protocol) == taken
    assert bool(answer.macros) is bool(answer.actions & 0x100)


@pytest.mark.parametrize("version", [0, 1])
def test_versions_before_two_are_refused(version):
    with pytest.raises(MilterError):
        negotiate(Negotiate(version, 0x1FF, 0x1FFFFF))


def test_an_old_mta_wants_an_answer_to_every_command_but_not_to_macros():
    taken = negotiate(Negotiate(2, 0x3F, 0x7F))
    assert {kind.code for kind in answered_messages(taken)} == {bytes([c]) for c in b"CHMRTULNB"}
