"""Every key in the store, in one place. `docs/architecture.md` shows the same table for readers.

| key                         | type   | written by           | read by             | lives until                          |
|-----------------------------|--------|----------------------|---------------------|--------------------------------------|
| pr:job:{job}                | hash   | every job script     | all                 | record expires or job is deleted     |
| pr:input:{job}              | string | submit               | worker, retry       | job succeeded, else with the record  |
| arq:job:{job}               | string | submit               | worker (arq entry)  | job is terminal                      |
| arq:queue                   | zset   | claim, renew, finish | reaper              | lease table: job → lease end, ms     |
| pr:ready:{tenant}           | zset   | submit, claim, …     | claim               | job → band and time; until claimed   |
| pr:ring                     | zset   | submit, claim, …     | claim               | tenant → turn; while it has ready jobs |
| pr:due                      | zset   | submit, finish       | claim               | job → when it is due, ms             |
| pr:doorbell                 | list   | submit, claim, …     | worker (BLPOP)      | emptied when the queue is empty      |
| pr:tenant:{tenant}          | hash   | submit, events       | all                 | for ever: epoch, sequence            |
| pr:log:{tenant}             | stream | every event          | replay, polling     | trimmed to LOG_EVENTS                |
| pr:bus                      | stream | every event          | web, notifier       | trimmed to BUS_EVENTS                |
| pr:outbox                   | stream | events with webhooks | webhook dispatcher  | acknowledged                         |
| pr:endpoints:{tenant}       | hash   | webhooks             | events (is it there?) | deleted endpoint by endpoint       |
| pr:progress (channel)       | pubsub | progress             | web, notifier       | –                                    |
| pr:jobs:{tenant}            | zset   | submit, remove       | list                | job → created, ms; with the record   |
| pr:jobs:{tenant}:{status}   | zset   | every transition     | list, MAX_QUEUED    | job → created, ms; with the status   |
| pr:tag:{tenant}:{tag}       | zset   | submit, remove       | list                | job → created, ms; with the record   |
| pr:batch:{tenant}:{batch}   | zset   | submit, remove       | list                | job → created, ms; with the record   |
| pr:idempotency:{tenant}:{key} | string | submit             | submit              | 24 hours: digest and job id          |
| pr:expiry:results           | zset   | finish, sweep        | sweep               | job → when its result goes, ms       |
| pr:expiry:records           | zset   | finish, remove       | sweep               | job → when its record goes, ms       |
| arq:cron, arq:…             | zset … | arq                  | arq                 | arq's own path for cron jobs         |
| pr:artifact:{path}:{n}      | string | redis: artifacts     | redis: artifacts    | with the job                         |

Clustering is refused at start, so scripts may build keys from these prefixes; `LUA_NAMES` hands them over.
"""

from __future__ import annotations

JOB = "pr:job:"
INPUT = "pr:input:"
ARQ_JOB = "arq:job:"
LEASES = "arq:queue"
READY = "pr:ready:"
RING = "pr:ring"
DUE = "pr:due"
DOORBELL = "pr:doorbell"
TENANT = "pr:tenant:"
LOG = "pr:log:"
BUS = "pr:bus"
OUTBOX = "pr:outbox"
ENDPOINTS = "pr:endpoints:"
PROGRESS = "pr:progress"
JOBS = "pr:jobs:"
TAG = "pr:tag:"
BATCH = "pr:batch:"
IDEMPOTENCY = "pr:idempotency:"
EXPIRY_RESULTS = "pr:expiry:results"
EXPIRY_RECORDS = "pr:expiry:records"
CRON_QUEUE = "arq:cron"
ARTIFACT = "pr:artifact:"

BUS_EVENTS = 20_000
"""About how many events the bus keeps: what a web or notifier process may miss without a gap."""

LUA_NAMES = {
    name: value
    for name, value in list(globals().items())
    if name.isupper() and isinstance(value, str | int) and not name.startswith("_")
}
"""Handed to every script as local variables named `K_…` (see `jobs.scripts`)."""
