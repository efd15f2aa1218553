# SPDX-License-Identifier: Apache-2.0
"""Who waits for the DNS leaves time to those who wait for him."""

import pytest

from gatepost.config import OptionsSection
from gatepost.scan.patience import decision_time, evidence_time


@pytest.mark.parametrize("seconds", [0.1, 8.0, 60.0])
def test_evidence_and_two_decisions_fit_into_the_time_of_a_letter(seconds):
    core = OptionsSection(task_timeout=seconds)
    assert 0 < decision_time(core) < evidence_time(core)
    assert evidence_time(core) + 2 * decision_time(core) <= seconds
