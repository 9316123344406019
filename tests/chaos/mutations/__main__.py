"""`python -m tests.chaos.mutations`: how many of the planted faults a chaos run finds."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.chaos.mutations.mutants import MUTANTS, Mutant
from tests.chaos.report import VIOLATED
from testsupport.project import ROOT

SETTLE_S = 420.0
"""On top of the minutes of faults: start, what the load waits for at the end, and the check."""


@dataclass(frozen=True, slots=True)
class Verdict:
    mutant: Mutant
    is_found: bool
    seconds: float
    said: list[str]
    """Each broken promise and the first sentence about it; if there is none, how the run ended."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.mutations", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of each run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="NAME", action="append", help="one mutant; may be repeated")
    parser.add_argument("--at-once", type=int, default=2, help="how many runs at a time")
    options = parser.parse_args()
    names = options.only or [mutant.name for mutant in MUTANTS]
    chosen = [mutant for mutant in MUTANTS if mutant.name in names]
    if len(chosen) < len(names):
        parser.error("NAME may be: " + ", ".join(mutant.name for mutant in MUTANTS))

    verdicts = asyncio.run(_try_all(chosen, options.seed, options.minutes, options.at_once))
    print(f"found {sum(verdict.is_found for verdict in verdicts)} of {len(verdicts)}")
    return 0 if all(verdict.is_found for verdict in verdicts) else 1


async def _try_all(mutants: list[Mutant], seed: int, minutes: float, at_once: int) -> list[Verdict]:
    slots = asyncio.Semaphore(at_once)

    async def try_one(mutant: Mutant) -> Verdict:
        async with slots:
            verdict = await _try(mutant, seed, minutes)
        found = "found" if verdict.is_found else "NOT FOUND"
        print(f"{mutant.name:45} {found:9} {verdict.seconds:5.0f} s", *verdict.said, sep="\n    ", flush=True)
        return verdict

    return await asyncio.gather(*map(try_one, mutants))


async def _try(mutant: Mutant, seed: int, minutes: float) -> Verdict:
    """Runs chaos on a copy of the code with the mutant, until it is found or the time is up."""
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"pressrun-{mutant.name}-") as directory:
        tree, logs = Path(directory) / "tree", Path(directory) / "logs"
        plant(mutant, tree)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos", "--stop-at-first"),
            *("--seed", str(seed), "--minutes", str(minutes), "--keep", str(logs)),
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(minutes * 60 + SETTLE_S):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            output, _ = await process.communicate()
    lines = output.decode(errors="replace").splitlines()
    broken = [
        f"{line.removeprefix(VIOLATED).strip()}: {what.strip()}"
        for line, what in pairwise(lines)
        if line.startswith(VIOLATED)
    ]
    return Verdict(mutant, bool(broken), time.monotonic() - started_at, broken or lines[-1:])


def plant(mutant: Mutant, tree: Path) -> None:
    """Copies the project's tracked files to `tree`, and changes the one of the mutant."""
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, files.split("\0")):
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    file = tree / mutant.file
    text = file.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name} does not fit {mutant.file} any more")
    file.write_text(text.replace(mutant.old, mutant.new))


if __name__ == "__main__":
    sys.exit(main())
