"""Reports whether this process can serve, and warns of a weak store or slow fonts."""

from __future__ import annotations

import ctypes
import sys
import time
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from jobs.core.errors.store import StoreError, StoreUnavailable
from jobs.core.settings import Settings
from jobs.isolation.level import offered
from jobs.store.artifacts import Artifacts
from jobs.store.artifacts.kept_bytes import WARN_AT_PERCENT, near_quota, read_kept_bytes
from jobs.store.artifacts.watch import ArtifactWatch
from jobs.store.client import CLUSTER_REFUSED
from jobs.store.durability import may_fail_over, read_facts
from jobs.store.eviction import UNKNOWN, evicts_jobs
from jobs.store.memory import StoreMemory, read_memory
from jobs.store.vanished import read_vanished
from jobs.webhooks.outbox import read_backlog

OUTBOX_WARNING_SECONDS = 60
"""A running notifier takes events at once; after a minute, none is running."""
ARTIFACT_CHECK_SECONDS = 10.0
"""Between two tries to write an artifact. Each is a request to an object store, and anybody may ask
whether this process is ready."""
MOST_SHOWN = 5
"""Tenants that keep most."""
NOT_WRITABLE = (
    "Documents and files are refused meanwhile (artifacts_unavailable), and queued jobs wait for it. "
    "Make room there, or correct PRESSRUN_ARTIFACTS_URL, PRESSRUN_DATA_DIR or the permissions."
)
ASYNCHRONOUS = (
    "The store's replicas follow asynchronously: if one takes over, jobs that were accepted in the last moments "
    "may be missing, even with durability always. min-replicas-to-write 1 and min-replicas-max-lag 1 in the "
    "store keep those moments short."
)
_SUBSETTER = {"darwin": "libharfbuzz-subset.0.dylib", "win32": "libharfbuzz-subset-0.dll"}.get(
    sys.platform, "libharfbuzz-subset.so.0"
)


@dataclass(frozen=True, slots=True)
class Report:
    is_ready: bool
    details: dict[str, Any]
    """For operators only."""


@dataclass(frozen=True, slots=True)
class ArtifactState:
    refusal: str | None
    """Why nothing can be written; None if all is well."""
    free_bytes: int | None


class Readiness:
    """Checks anew at every call."""

    def __init__(self, redis: Redis, settings: Settings, artifacts: Artifacts) -> None:
        self._redis = redis
        self._artifacts = artifacts
        self._artifact_watch = ArtifactWatch(artifacts)
        self._settings = settings
        self._font_subsetting = "fast" if _has_fast_subsetter() else "slow"
        self._isolation = offered()

    async def report(self, *, is_draining: bool) -> Report:
        """Returns the report. A store that cannot be reached is part of it, not an error."""
        warnings: list[str] = []
        is_refused = False
        try:
            facts = await read_facts(self._redis)
        except StoreUnavailable as error:
            store: dict[str, Any] = {"reachable": False, "reason": str(error)}
            webhooks = None
        else:
            store = {
                "reachable": True,
                "server": facts.server,
                "durability": facts.durability,
                "replicas": facts.replicas,
                "eviction": facts.eviction,
            }
            is_refused = facts.is_cluster
            if facts.is_cluster:
                store["reason"] = CLUSTER_REFUSED
            webhooks = await self._webhook_backlog(warnings)
            warnings += await self._vanished()
            memory = facts.memory
            if memory is not None:
                store["memory"] = {
                    "used_bytes": memory.used,
                    "max_bytes": memory.limit,
                    "event_bytes": memory.events,
                }
                if memory.is_nearly_full:
                    warnings.append(
                        f"The store is nearly full: {memory}. When it is full, submissions are refused (store_full). "
                        "Give it more memory, or delete jobs that nobody needs."
                    )
            if facts.durability != "always":
                warnings.append(
                    f"The store's durability is {facts.durability}: a power cut may lose accepted jobs."
                )
            if may_fail_over(facts, self._settings):
                warnings.append(ASYNCHRONOUS)
            if facts.eviction != "noeviction":
                warnings.append(self._eviction_warning(facts.eviction))
        artifacts = await self.artifacts()
        kept = await self.kept_bytes()
        if near := near_quota(kept, self._settings.max_tenant_bytes):
            warnings.append(
                f"Tenants above {WARN_AT_PERCENT} % of PRESSRUN_MAX_TENANT_BYTES: {len(near)} "
                f"({', '.join(list(near)[:MOST_SHOWN])}). At the limit, their jobs are refused (tenant_bytes_used)."
            )
        if artifacts.refusal is not None:
            warnings.append(f"{artifacts.refusal} {NOT_WRITABLE}")
        if self._font_subsetting == "slow":
            warnings.append(
                f"{_SUBSETTER} is missing here: small documents take ten times as long to render."
            )
        if self._isolation.level != "full":
            warnings.append(
                f"Documents and templates are not isolated in full on this machine: {self._isolation}."
            )
        details = {
            "store": store,
            "artifacts": {
                "writable": artifacts.refusal is None,
                "reason": artifacts.refusal,
                "free_bytes": artifacts.free_bytes,
                "kept_bytes": sum(kept.values()),
                "max_tenant_bytes": self._settings.max_tenant_bytes,
                "most": [{"tenant": tenant, "bytes": kept[tenant]} for tenant in list(kept)[:MOST_SHOWN]],
            },
            "webhooks": webhooks,
            "fonts": {"subsetting": self._font_subsetting},
            "isolation": {"level": self._isolation.level, "missing": list(self._isolation.missing)},
            "draining": is_draining,
            "warnings": warnings,
        }
        return Report(store["reachable"] and not is_refused and not is_draining, details)

    def _eviction_warning(self, policy: str) -> str:
        if policy == UNKNOWN:
            risk = "The store does not tell what it removes when it is full: accepted jobs may vanish."
        elif not evicts_jobs(policy):
            risk = (
                f"When the store is full, it removes keys that expire ({policy}), such as idempotency keys."
            )
        elif self._settings.eviction == "allow":
            risk = f"When the store is full, it removes any key ({policy}): accepted jobs may vanish."
        else:
            risk = (
                f"When the store is full, it removes any key ({policy}). So that no accepted job vanishes, "
                "nothing new is accepted (store_evicts)."
            )
        return f"{risk} Set maxmemory-policy noeviction."

    async def _vanished(self) -> list[str]:
        try:
            vanished = await read_vanished(self._redis)
        except StoreUnavailable:
            return []
        newest = vanished.pop("newest", None)
        if newest is None:
            return []
        counts = ", ".join(f"{kind}: {number}" for kind, number in sorted(vanished.items()))
        return [
            f"Records have vanished from the store ({counts}; the last one is {newest}): it evicts keys, "
            "or somebody deleted some."
        ]

    async def artifacts(self) -> ArtifactState:
        """Tries to write to the artifact store, at most every ten seconds."""
        refusal = await self._artifact_watch.look(max_age_s=ARTIFACT_CHECK_SECONDS)
        free_bytes = None
        try:
            if refusal is None:
                await self._artifacts.check_room()
                free_bytes = await self._artifacts.free_bytes()
        except StoreError as error:
            refusal = error if not isinstance(error, StoreUnavailable) else None
        return ArtifactState(None if refusal is None else str(refusal), free_bytes)

    async def kept_bytes(self) -> dict[str, int]:
        """Returns the bytes of artifacts of each tenant; of none if the store is away."""
        try:
            return await read_kept_bytes(self._redis)
        except StoreUnavailable:
            return {}

    async def store_memory(self) -> StoreMemory | None:
        """Asks the store how full it is. None if it is away."""
        try:
            return await read_memory(self._redis)
        except StoreUnavailable:
            return None

    async def _webhook_backlog(self, warnings: list[str]) -> dict[str, Any] | None:
        """Counts the events that wait for a dispatcher. Warns if they wait for long.

        A running notifier takes them at once.
        """
        try:
            backlog = await read_backlog(self._redis)
        except StoreUnavailable:
            return None
        age = 0 if backlog.oldest_ms is None else max(0, round(time.time() - backlog.oldest_ms / 1000))
        if age > OUTBOX_WARNING_SECONDS:
            warnings.append(
                f"{backlog.references} events have waited for webhooks for up to {age} s and take about "
                f"{backlog.body_bytes:,} bytes of the store: is a notifier running?"
            )
        return {"outbox": backlog.references, "oldest_seconds": age, "event_bytes": backlog.body_bytes}


def _has_fast_subsetter() -> bool:
    """Returns whether WeasyPrint finds the library that subsets fonts in native code."""
    try:
        ctypes.CDLL(_SUBSETTER)
    except OSError:
        return False
    return True
