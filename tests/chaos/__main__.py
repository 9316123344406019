"""`python -m tests.chaos --seed N --minutes M`: one run, and what it found."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.disk import own_mounts
from tests.chaos.report import how_to_go_on, report
from tests.chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides the faults and the load")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long there are faults")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep logs, and what clients saw, in this new directory"
    )
    parser.add_argument("--stop-at-first", action="store_true", help="end when a promise was broken")
    options = parser.parse_args()

    has_disks = own_mounts()
    if not has_disks:
        print("No faults of disks: they need Linux, and root.")
    directory = options.keep or Path(tempfile.mkdtemp(prefix="pressrun-chaos-"))
    directory.mkdir(parents=True, exist_ok=True)
    print(f"seed {options.seed}, {options.minutes:g} minutes, in {directory}", flush=True)
    try:
        outcome = asyncio.run(
            run(
                options.seed,
                options.minutes * 60,
                directory.absolute(),
                has_disks=has_disks,
                say=lambda text: print(text, flush=True),
                stops_at_first=options.stop_at_first,
            )
        )
    except BaseException:
        print(how_to_go_on(directory, options.seed, options.minutes), flush=True)
        raise
    print(report(outcome, directory, options.seed, options.minutes))
    if outcome.is_good and options.keep is None:
        shutil.rmtree(directory)
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
