"""`pressrun doctor`: checks this machine, the store and the settings."""

from __future__ import annotations

import asyncio
import difflib
import os
import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import click
from obstore.exceptions import BaseError as ObjectStoreError
from redis.asyncio import Redis

from api.cli.client.server import VARIABLES as CLIENT_VARIABLES
from api.cli.local.embedded_valkey import is_in_use
from api.cli.local.environment import settings_from_environment
from api.cli.local.platform import Platform, platform_of
from api.cli.local.supervisor import GRACE_SECONDS
from jobs.core.errors.store import StoreError
from jobs.core.ids import new_job_id
from jobs.core.settings import BadSetting, Settings, max_artifacts_mb
from jobs.isolation.level import Isolation, offered
from jobs.store.artifacts import input_path, open_artifacts
from jobs.store.artifacts.watch import check_writable
from jobs.store.client import connect
from jobs.store.durability import StoreFacts, may_fail_over, read_facts
from jobs.store.eviction import UNKNOWN, evicts_jobs
from jobs.store.memory import MIB, StoreMemory
from jobs.store.scripts import Scripts

LANGUAGES = {
    "Latin": "en",
    "Chinese": "zh-cn",
    "Japanese": "ja",
    "Korean": "ko",
    "Arabic": "ar",
    "Hebrew": "he",
    "Devanagari": "hi",
    "emoji": "und-zsye",
}
"""A language for each script that the fonts in Aptfile cover, by fontconfig's name for it."""

COST_OF_A_POWER_CUT = {
    "everysec": "the last second",
    "no": "what the kernel had not written yet",
    "none": "everything since the last snapshot",
    "unknown": "what its provider says (it does not tell how it writes)",
}
"""What may be lost, by the value of `appendfsync` (`none`: no append-only file)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the report. `remedy` says what to do about a `warn` or `fail`."""

    verdict: Literal["ok", "warn", "fail"]
    subject: str
    text: str
    remedy: str = ""


@click.command()
def doctor() -> None:
    """Check this machine, the store and the settings. Exit code 1 if something vital is missing."""
    settings = settings_from_environment()
    failed = False
    for finding in examine(settings):
        show(finding)
        failed = failed or finding.verdict == "fail"
    sys.exit(1 if failed else 0)


def examine(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", "Python", platform.python_version())
    yield from examine_variables(settings, os.environ)
    yield from examine_libraries()
    yield from examine_fonts(LANGUAGES)
    yield examine_isolation(settings, offered())
    yield examine_links(settings)
    yield from examine_drain(settings, platform_of(os.environ))
    yield from asyncio.run(examine_storage(settings))


def show(finding: Finding) -> None:
    colour = {"ok": "green", "warn": "yellow", "fail": "red"}[finding.verdict]
    click.echo(f"{click.style(finding.verdict.ljust(4), fg=colour)}  {finding.subject}: {finding.text}")
    if finding.remedy:
        click.echo(f"      → {finding.remedy}")


def examine_variables(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Finds variables that are no settings: nothing else reports a mistyped name."""
    known = [*(variable for variable, _, _ in settings.explained(environ)), *CLIENT_VARIABLES]
    for variable in sorted(environ):
        if variable.startswith("PRESSRUN_") and variable not in known:
            similar = difflib.get_close_matches(variable, known, n=1, cutoff=0.8)
            yield Finding(
                "warn",
                "settings",
                f"{variable} is no setting" + (f"; did you mean {similar[0]}?" if similar else ""),
                "Correct its name, or unset it. `pressrun config` lists the settings.",
            )


def examine_libraries() -> Iterator[Finding]:
    """Loads Pango and HarfBuzz as the renderer does, so that both find the same files."""
    try:
        with warnings.catch_warnings(action="ignore"):
            from weasyprint.text import ffi
    except OSError as error:
        yield Finding(
            "fail", "Pango", str(error).splitlines()[0], "Install the packages in Aptfile: ./scripts/up does."
        )
        return
    yield Finding("ok", "Pango", dotted(ffi.pango.pango_version()))
    if ffi.harfbuzz_subset is None:
        yield Finding(
            "warn",
            "HarfBuzz subsetting",
            "missing; every document takes about 150 ms longer",
            "Install libharfbuzz-subset0.",
        )
    else:
        yield Finding("ok", "HarfBuzz subsetting", "found")


def dotted(version: int) -> str:
    """Pango's encoding: 15012 is 1.50.12."""
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"


def examine_fonts(languages: Mapping[str, str]) -> Iterator[Finding]:
    """Finds scripts without a font. `languages` has one language for each script."""
    fc_list = shutil.which("fc-list")
    if fc_list is None:
        yield Finding("warn", "fonts", "cannot be listed", "Install fontconfig.")
        return
    missing = [script for script, language in languages.items() if not has_font(fc_list, language)]
    if missing:
        yield Finding(
            "warn",
            "fonts",
            f"none for {', '.join(missing)}: such text becomes boxes",
            "Install the fonts in Aptfile, or bring your own.",
        )
    else:
        yield Finding("ok", "fonts", ", ".join(languages))


def has_font(fc_list: str, language: str) -> bool:
    found = subprocess.run(
        [fc_list, f":lang={language}", "family"], capture_output=True, check=False, timeout=60
    )
    return bool(found.stdout.strip())


def examine_isolation(settings: Settings, isolation: Isolation) -> Finding:
    """Says how strictly this machine isolates the processes that render documents."""
    if isolation.level == "full":
        return Finding("ok", "isolation", "full")
    is_required = settings.isolation == "required"
    return Finding(
        "fail" if is_required else "warn",
        "isolation",
        f"{isolation}; a fault in a font or image library could reach what this user can reach",
        "Use Linux 5.13 or newer on x86-64 or aarch64, and allow its processes Landlock and seccomp"
        + (", or set PRESSRUN_ISOLATION to auto." if is_required else "."),
    )


def examine_links(settings: Settings) -> Finding:
    """Warns if PRESSRUN_PUBLIC_URL is not set and clients may be on other machines.

    Without it, links are right only for clients on this machine, and only if all processes have the
    same PORT, as under `pressrun up`.
    """
    if settings.public_url or not (settings.api_keys or names_store()):
        return Finding("ok", "links", f"begin with {settings.base_url}")
    return Finding(
        "warn",
        "links",
        "begin with http://localhost and the PORT of the process that made them: they do not work on other "
        "machines, nor if each process has a PORT of its own (as under honcho or foreman)",
        "Set PRESSRUN_PUBLIC_URL to the URL at which clients reach web, the same for every process.",
    )


def names_store() -> bool:
    return bool(os.environ.get("REDIS_URL", "").strip())


def examine_drain(settings: Settings, platform: Platform | None) -> Iterator[Finding]:
    """Compares the drain with the time that the platform gives. A guess, so it only warns."""
    if platform is None:
        return
    most = int(platform.stop_seconds - GRACE_SECONDS)
    if settings.drain_seconds <= most:
        yield Finding(
            "ok", "drain", f"{settings.drain_seconds} s, and {platform.name} gives {platform.stop_seconds} s"
        )
        return
    yield Finding(
        "warn",
        "drain",
        f"PRESSRUN_DRAIN_SECONDS is {settings.drain_seconds}, but this seems to be {platform.name}, which kills "
        f"processes {platform.stop_seconds} s after SIGTERM{' unless told otherwise' if platform.longer else ''}: "
        "jobs that still run then lose an attempt",
        f"Set PRESSRUN_DRAIN_SECONDS to {most} or less{f', or {platform.longer}' if platform.longer else ''}.",
    )


async def examine_storage(settings: Settings) -> list[Finding]:
    """Checks the store and the artifacts (which may be in the store)."""
    try:
        client = connect(settings)
    except BadSetting as error:
        return [Finding("fail", "store", str(error))]
    async with client as redis:
        if names_store() or is_in_use(settings.data_dir / "valkey"):
            findings = await examine_store(redis, settings)
        else:
            findings = [
                Finding("ok", "store", "the embedded Valkey, not running now; `pressrun up` starts it")
            ]
            if settings.artifacts.startswith("redis:"):
                return findings
        findings.append(await examine_artifacts(settings, redis))
    return findings


async def examine_store(redis: Redis, settings: Settings) -> list[Finding]:
    try:
        facts = await read_facts(redis)
    except StoreError as error:
        return [Finding("fail", "store", str(error), "Start it, or correct REDIS_URL.")]
    return [
        examine_server(facts),
        examine_durability(facts),
        *examine_replication(facts, settings),
        examine_eviction(facts, settings),
        *(examine_memory(facts.memory, settings) if facts.memory is not None else ()),
    ]


def examine_server(facts: StoreFacts) -> Finding:
    if facts.compatible_version is None:
        return Finding(
            "warn",
            "store",
            f"{facts.server}, which forbids INFO: its version, durability and memory are unknown",
            "Allow the user in REDIS_URL the command INFO.",
        )
    if facts.compatible_version < (7,):
        return Finding("fail", "store", f"{facts.server} is too old", "Use Redis 7 or newer, or Valkey.")
    if facts.is_cluster:
        return Finding(
            "fail", "store", f"{facts.server} is a cluster", "Point REDIS_URL at a single primary."
        )
    return Finding("ok", "store", facts.server)


def examine_durability(facts: StoreFacts) -> Finding:
    if facts.durability == "always":
        return Finding("ok", "durability", "appendfsync always: what was accepted survives a power cut")
    return Finding(
        "warn",
        "durability",
        f"appendfsync {facts.durability}: a power cut may lose {COST_OF_A_POWER_CUT[facts.durability]}",
        "Set appendonly yes and appendfsync always if accepted jobs must survive a power cut.",
    )


def examine_replication(facts: StoreFacts, settings: Settings) -> Iterator[Finding]:
    """Says what a failover may lose, if there may be one."""
    if not may_fail_over(facts, settings):
        return
    yield Finding(
        "warn",
        "replication",
        f"asynchronous, to {facts.replicas} replicas: a failover may lose jobs that were accepted in the last "
        "moments before it, even with appendfsync always",
        "min-replicas-max-lag keeps those moments short, but cannot prevent the loss (docs/operating.md, “Failover”)."
        if facts.needs_replicas
        else "Set min-replicas-to-write 1 and min-replicas-max-lag 1 in the store (docs/operating.md, “Failover”).",
    )


def examine_eviction(facts: StoreFacts, settings: Settings) -> Finding:
    policy = facts.eviction
    if policy == "noeviction":
        return Finding("ok", "eviction", policy)
    remedy = "Set maxmemory-policy noeviction."
    if policy == UNKNOWN:
        return Finding("warn", "eviction", "the store does not tell its maxmemory-policy", remedy)
    if not evicts_jobs(policy):
        text = f"{policy}: a full store removes idempotency keys and other keys that expire, but no jobs"
        return Finding("warn", "eviction", text, remedy)
    if settings.eviction == "allow":
        return Finding("warn", "eviction", f"{policy}: jobs may vanish; PRESSRUN_EVICTION allows it", remedy)
    return Finding(
        "fail",
        "eviction",
        f"{policy}: jobs may vanish, so submissions are refused with store_evicts",
        f"{remedy} If jobs may get lost, set PRESSRUN_EVICTION=allow.",
    )


def examine_memory(memory: StoreMemory, settings: Settings) -> Iterator[Finding]:
    if memory.is_nearly_full:
        yield Finding(
            "warn",
            "memory",
            f"{memory}: when it is full, submissions are refused with store_full",
            "Give the store more memory, or delete jobs that nobody needs. docs/operating.md says what the store "
            "needs memory for.",
        )
    else:
        yield Finding("ok", "memory", str(memory))
    if memory.limit is not None and urlsplit(settings.artifacts).scheme == "redis":
        allowed = max_artifacts_mb(settings.artifacts)
        if allowed * MIB > memory.limit / 2:
            yield Finding(
                "warn",
                "memory",
                f"documents and results may take {allowed} MiB of it: jobs would have no room",
                "Set max_mb in PRESSRUN_ARTIFACTS_URL to half of maxmemory or less, or keep artifacts elsewhere.",
            )


async def examine_artifacts(settings: Settings, redis: Redis) -> Finding:
    """Writes, reads and removes a small artifact."""
    path = input_path("doctor", new_job_id())
    try:
        artifacts = open_artifacts(settings, Scripts(redis, settings))
    except BadSetting as error:
        return Finding("fail", "artifacts", str(error))
    try:
        await check_writable(artifacts)
        await artifacts.put(path, b"ok")
        await artifacts.get(path)
        await artifacts.discard([path])
    except (StoreError, OSError, ObjectStoreError) as error:
        return Finding(
            "fail",
            "artifacts",
            f"{settings.artifacts} cannot be written: {error}",
            "Make room there, or correct PRESSRUN_ARTIFACTS_URL, PRESSRUN_DATA_DIR or the permissions.",
        )
    return Finding("ok", "artifacts", settings.artifacts)
