"""One run: the system, the load and the faults together; then what clients were promised."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.faults import Saboteur
from tests.chaos.load import run_load
from tests.chaos.promises import check
from tests.chaos.promises.violation import Violation
from tests.chaos.schedule import schedule
from tests.chaos.system import System

SETTLES_WITHIN_S = 900.0
"""Beyond the load's own patience after an hour of faults: a load that takes longer hangs."""
CHECK_EVERY_S = 20.0


@dataclass(slots=True)
class Outcome:
    log: Path
    """What clients saw (see `observations.py`)."""
    violations: list[Violation] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    """What processes did that none of them should do."""
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not self.violations and not self.findings


async def run(
    seed: int,
    duration_s: float,
    directory: Path,
    *,
    has_disks: bool,
    say: Callable[[str], None],
    stops_at_first: bool = False,
) -> Outcome:
    """Runs the system in `directory`, under load, with the faults of this seed.

    `stops_at_first`: ends soon after a promise was broken. Raises TimeoutError if the system does
    not start, or the load does not end.
    """
    started_at = time.monotonic()
    outcome = Outcome(directory / "observations.jsonl")
    system = System(directory, has_disks=has_disks)
    saboteur = Saboteur(system, seed, say)
    async with system.running():
        say("everything serves")
        play = asyncio.create_task(_play(system, saboteur, seed, duration_s, outcome.log))
        watch = asyncio.create_task(_first_violation(outcome.log)) if stops_at_first else play
        await asyncio.wait({play, watch}, return_when=asyncio.FIRST_COMPLETED)
        if is_whole := play.done():
            watch.cancel()
            play.result()
        else:
            play.cancel()
            await asyncio.wait([play])
    outcome.violations = check(outcome.log, final=is_whole)
    outcome.findings = system.findings
    outcome.faults = saboteur.caused
    outcome.seconds = time.monotonic() - started_at
    return outcome


async def _play(system: System, saboteur: Saboteur, seed: int, duration_s: float, log: Path) -> None:
    """Loads the system and breaks it, until all faults and all accepted jobs have ended."""
    faults_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + duration_s
    async with asyncio.timeout(duration_s + SETTLES_WITHIN_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(run_load(system.targets, seed=seed, faults_end=faults_end, log=log))
        await saboteur.play(schedule(seed, duration_s))
        await asyncio.sleep(ends_at - loop.time())
        faults_end.set()


async def _first_violation(log: Path) -> None:
    """Returns when clients have seen a broken promise."""

    def is_broken() -> bool:
        return log.exists() and bool(check(log, final=False))

    while not await asyncio.to_thread(is_broken):  # noqa: ASYNC110 (a file sends no event)
        await asyncio.sleep(CHECK_EVERY_S)
