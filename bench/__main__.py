# SPDX-License-Identifier: Apache-2.0
"""``make bench``: prints what a message costs, stage by stage, and what one worker does."""

from __future__ import annotations

import argparse
import platform
import tempfile
from pathlib import Path

from bench import authn, rbl
from bench.configuration import write_configuration
from bench.letters import sample
from bench.stages import measure_stages, python_share
from bench.worker import measure_worker

ROUNDS = 40


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds over the sample")
    args = parser.parse_args()
    letters = sample()
    mean = sum(map(len, letters)) / len(letters)
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    print(f"{len(letters)} letters of {mean / 1000:.1f} KB on the average, from a logged-in user\n")
    with tempfile.TemporaryDirectory() as scratch:
        plain = write_configuration(Path(scratch) / "plain", signing=False)
        signing = write_configuration(Path(scratch) / "signing", signing=True)
        print("in one process, ms of CPU a message           budget (12 KB)")
        for stage, cost, budget in measure_stages(letters, plain):
            print(f"  {stage:<38}{cost:8.3f}{budget:12.2f}")
        share = python_share(letters, plain)
        print(f"  outside native libraries (cProfile)   {share:8.0%}\n")
        print("one worker of `gatepost serve`               ms of CPU    messages/s")
        for protocol in ("HTTP", "milter"):
            for title, folder in (("", plain), (", with an RSA-2048 signature", signing)):
                cpu, rate = measure_worker(letters, folder, rounds=args.rounds, protocol=protocol)
                print(f"  {protocol + title:<40}{cpu:10.3f}{rate:14.0f}")
    authn.main()
    rbl.main()


if __name__ == "__main__":
    main()
