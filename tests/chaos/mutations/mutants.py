"""The faults that are planted. A test checks that each fits today's code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of the code that breaks a promise."""

    name: str
    file: str
    old: str
    """Occurs once in the file."""
    new: str
    breaks: str
    """What clients are promised, and do not get."""


_SCRIPTS = "jobs/store/scripts"

MUTANTS = (
    Mutant(
        "event-not-written",
        f"{_SCRIPTS}/common/_event.lua",
        "  redis.call('XADD', K_LOG .. tenant, 'MAXLEN', '~', K_LOG_EVENTS, sequence .. '-0', "
        "'v', K_RECORD_VERSION, 'e', body)\n",
        "",
        "every event is in the log",
    ),
    Mutant(
        "outbox-entry-lost",
        f"{_SCRIPTS}/common/_event.lua",
        "    redis.call('XADD', K_OUTBOX, '*', 't', tenant, 's', sequence, unpack(job_id and { 'j', job_id } or {}))\n",
        "",
        "every event reaches the webhooks that want it",
    ),
    Mutant(
        "late-worker-not-refused",
        f"{_SCRIPTS}/queue/finish.lua",
        """if not is_current(id, record, claim) then return 'lost' end

local now = now_ms()
if record.status == 'queued' and began_ms_ago ~= '' then
  start(id, record, claim, began_ms_ago, now)
elseif record.status ~= 'running' then
  return 'lost'
end
""",
        """local now = now_ms()
if record.status == 'queued' and began_ms_ago ~= '' then start(id, record, claim, began_ms_ago, now) end
""",
        "every job ends once",
    ),
    Mutant(
        "outcome-not-repeatable",
        f"{_SCRIPTS}/queue/finish.lua",
        "if record.outcome == outcome then return 'ok' end\n",
        "",
        "a job that has succeeded has a result",
    ),
    Mutant(
        "result-acknowledged-before-it-is-written",
        "jobs/store/queue.py",
        "            await self.artifacts.put(path, result.body)\n",
        "            asyncio.ensure_future(self.artifacts.put(path, result.body))\n",
        "a job that has succeeded has a result",
    ),
    Mutant(
        "accepted-though-its-input-was-not-written",
        "jobs/store/submission_writer.py",
        "            raise errors[0]\n",
        "",
        "accepted means durable",
    ),
    Mutant(
        "input-removed-at-the-start",
        f"{_SCRIPTS}/jobs/_transition.lua",
        "  record.attempt = record.attempt + 1\n",
        "  record.attempt = record.attempt + 1\n  redis.call('DEL', K_INPUT .. id)\n",
        "a job whose worker was lost runs again",
    ),
    Mutant(
        "idempotency-key-forgotten-too-early",
        f"{_SCRIPTS}/jobs/_accept.lua",
        "'PX', K_IDEMPOTENCY_TTL_MS)",
        "'PX', 2000)",
        "a submission that is sent again makes no second job",
    ),
    Mutant(
        "submission-not-repeatable",
        f"{_SCRIPTS}/jobs/_accept.lua",
        "  if not found then return nil end\n  if found.tenant ~= tenant",
        "  if found or not found then return nil end\n  if found.tenant ~= tenant",
        "a submission whose answer was lost makes one job",
    ),
    Mutant(
        "lost-job-not-queued-again",
        f"{_SCRIPTS}/jobs/_transition.lua",
        "  make_ready(id, record, now, FRONT_BAND, first)\n",
        "",
        "every job ends",
    ),
    Mutant(
        "lost-attempts-not-counted",
        f"{_SCRIPTS}/queue/claim.lua",
        "if (record.status == 'running' and tonumber(record.attempt) >= tonumber(record.max_attempts))\n        or",
        "if",
        "no job runs more often than max_attempts says",
    ),
    Mutant(
        "cancel-after-the-end",
        f"{_SCRIPTS}/jobs/cancel.lua",
        "if record.finished then return { 'finished', job_document(id, record) } end\n",
        "",
        "every job ends once",
    ),
    Mutant(
        "tenant-loses-its-turns",
        f"{_SCRIPTS}/queue/claim.lua",
        "    redis.call('ZADD', K_RING, turn, tenant)\n",
        "    redis.call('ZREM', K_RING, tenant)\n",
        "every job ends",
    ),
    Mutant(
        "batch-completes-twice",
        f"{_SCRIPTS}/batches/_batch.lua",
        "< tonumber(batch.total) then return end",
        "< tonumber(batch.total) - 1 then return end",
        "a batch completes once, when all of its jobs have ended",
    ),
    Mutant(
        "cursor-off-by-one",
        "jobs/store/events/event_log.py",
        '                start = f"({after.sequence}-0" if after else "-"\n',
        '                start = f"({after.sequence + 1}-0" if after else "-"\n',
        "a reader that resumes misses no event",
    ),
    Mutant(
        "gap-not-told",
        "jobs/store/events/event_log.py",
        "    elif after.sequence + 1 < oldest:\n",
        "    elif after.sequence + 1 < oldest and oldest < 0:\n",
        "a reader is told if events are gone",
    ),
    Mutant(
        "events-of-an-outage-skipped",
        "jobs/store/events/event_tail.py",
        """        if self._position and await self._redis.xrange(keys.BUS, self._position, self._position):
            return
        newest = await self._redis.xrevrange(keys.BUS, count=1)
        newest_id = newest[0][0] if newest else _START
        if not self._position:
            self._position = newest_id
            self.ready.set()
        elif newest_id != self._position:
            self._position = newest_id
            log.warning("tail.gap")
            self._on_gap()
""",
        """        newest = await self._redis.xrevrange(keys.BUS, count=1)
        self._position = newest[0][0] if newest else _START
        self.ready.set()
""",
        "a reader misses no event",
    ),
    Mutant(
        "webhook-id-differs-between-attempts",
        "notifier/webhooks/deliverer.py",
        "claim.event_id, started_ms // 1000, claim.body)",
        'f"{claim.event_id}-{claim.number}", started_ms // 1000, claim.body)',
        "a receiver recognises a webhook that is sent again",
    ),
    Mutant(
        "webhook-slot-not-released",
        f"{_SCRIPTS}/webhooks/_webhook.lua",
        "  note(target, 'in_flight', math.max(0, target.in_flight - 1))\n",
        "",
        "every event reaches the webhooks that want it",
    ),
    Mutant(
        "webhook-of-a-lost-notifier-forgotten",
        f"{_SCRIPTS}/webhooks/webhook_claim.lua",
        "local lost = take_due(K_WEBHOOK_LEASES, PER_CALL)\n",
        "local lost = {}\n",
        "every event reaches the webhooks that want it",
    ),
)
