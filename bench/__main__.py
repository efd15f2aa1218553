# SPDX-License-Identifier: Apache-2.0
"""``make bench``: prints what a message costs, stage by stage, and what one worker does."""

from __future__ import annotations

import argparse
import platform
import tempfile
from pathlib import Path

from bench import authn
from bench.configuration import write_configuration
from bench.letters import larger, mean_size, sample
from bench.stages import measure_stages, python_share
from bench.worker import MANY, measure_memory, measure_worker

ROUNDS = 25


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds over the sample")
    parser.add_argument("--memory", action="store_true", help=f"a worker over {MANY} messages")
    args = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    with tempfile.TemporaryDirectory() as scratch:
        folders = {
            "core modules": write_configuration(
                Path(scratch) / "core", signing=False, everything=False
            ),
            "everything": write_configuration(Path(scratch) / "all", signing=False),
            "everything, and RSA-2048": write_configuration(Path(scratch) / "rsa", signing=True),
        }
        if args.memory:
            before, after = measure_memory(sample(), folders["everything"])
            print(
                f"worker after {MANY // 10} messages {before:.1f} MB, after {MANY} {after:.1f} MB"
            )
            return
        print_stages(folders["everything"], folders["core modules"])
        print_workers(folders, args.rounds)
    authn.main()


def print_stages(everything: Path, core: Path) -> None:
    """A line for each stage, with a column for each kind of letters."""
    kinds = [sample(), larger()]
    print(f"{len(kinds[0])} letters, {len(kinds[1])} larger ones, from a logged-in user\n")
    sizes = "".join(f"{f'{mean_size(letters):.1f} KB':>10}" for letters in kinds)
    print(f"in one process, ms of CPU a message{'':5}{sizes}   budget (12 KB)")
    tables = [measure_stages(letters, everything, core) for letters in kinds]
    for (stage, cost, budget), (_, cost_of_larger, _) in zip(*tables, strict=True):
        print(f"  {stage:<38}{cost:10.3f}{cost_of_larger:10.3f}", end="")
        print("" if budget is None else f"{budget:17.2f}")
    share = python_share(kinds[0], everything)
    print(f"  outside native libraries (cProfile)   {share:10.0%}\n")


def print_workers(folders: dict[str, Path], rounds: int) -> None:
    """A line for each protocol and configuration."""
    print("one worker of `gatepost serve`               ms of CPU  in the kernel    messages/s")
    for protocol in ("HTTP", "milter"):
        for title, folder in folders.items():
            cost = measure_worker(sample(), folder, rounds=rounds, protocol=protocol)
            name = f"{protocol}, {title}"
            print(f"  {name:<40}{cost.cpu:12.3f}{cost.kernel:15.3f}{cost.rate:14.0f}")


if __name__ == "__main__":
    main()
