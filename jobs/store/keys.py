"""Every key in the store, in one place. `docs/architecture.md` shows the same table for readers.

| key                           | type   | written by           | read by               | lives until                         |
|-------------------------------|--------|----------------------|-----------------------|-------------------------------------|
| pr:job:{job}                  | hash   | every job script     | all                   | expiry or deletion of the record    |
| pr:input:{job}                | string | submit               | worker, retry         | success, else with the record       |
| arq:job:{job}                 | string | submit               | worker (arq entry)    | job is terminal                     |
| arq:queue                     | zset   | claim, renew, finish | claim                 | job → lease end; the lease table    |
| pr:ready:{tenant}             | zset   | submit, claim, …     | claim                 | job → band and time; until claimed  |
| pr:waiting:{kind}:{priority}  | zset   | every transition     | depth, for metrics    | job → since when; while queued      |
| pr:ring                       | zset   | submit, claim, …     | claim                 | tenant → turn; while jobs are ready |
| pr:turn                       | string | claim                | claim                 | for ever: the last turn given       |
| pr:due                        | zset   | submit, finish       | claim                 | job → when it is due                |
| pr:due:planned                | zset   | finish               | claim                 | retrying job → when it was planned  |
| pr:doorbell                   | list   | submit, claim, …     | worker (BLPOP)        | emptied when the queue is empty     |
| pr:tenant:{tenant}            | hash   | submit, events, …    | all                   | for ever: epoch, sequence, turn, …  |
| pr:log:{tenant}               | stream | every event          | replay, polling       | LOG_EVENTS, LOG_TTL, EVENTS_MB      |
| pr:bus                        | stream | every event          | web, notifier         | BUS_EVENTS, BUS_TTL_MS, EVENTS_MB   |
| pr:log-sizes                  | zset   | events, trim         | events, trim          | tenant → bytes; with the log        |
| pr:event-bytes                | hash   | events, trim         | events, readiness     | for ever: bytes of all logs, of bus |
| pr:outbox                     | stream | events with webhooks | webhook dispatcher    | acknowledged                        |
| pr:event:{tenant}:{sequence}  | hash   | events with webhooks | dispatch, deliveries  | with the last delivery of the event |
| pr:endpoints:{tenant}         | zset   | webhook endpoints    | events, dispatch      | endpoint → its last change          |
| pr:endpoint-ids:{tenant}      | zset   | webhook endpoints    | list                  | ids in order; with the endpoint     |
| pr:webhook:target:{target}    | hash   | every webhook script | all of webhooks       | endpoint: deleted; origin: unused   |
| pr:webhook:fresh:{target}     | zset   | dispatch, claim      | claim                 | delivery → since; before attempt 1  |
| pr:webhook:retry:{target}     | zset   | claim, redeliver     | claim                 | delivery → since; later attempts    |
| pr:webhook:ring               | zset   | every webhook script | claim                 | target → turn; while it may send    |
| pr:webhook:wake               | zset   | settle, claim        | claim                 | target → when its hold ends         |
| pr:webhook:broken             | zset   | settle, load         | load, for metrics     | target → when its hold ends         |
| pr:webhook:waiting:{origin}   | zset   | claim                | claim                 | target → turn; while paced          |
| pr:webhook:origin:{origin}    | hash   | claim                | claim                 | 20 minutes unused: pace, turns      |
| pr:webhook:paced              | zset   | claim                | claim                 | origin → when its next may be sent  |
| pr:webhook:due                | zset   | settle               | claim                 | delivery → when its retry is due    |
| pr:webhook:due:planned        | zset   | settle               | claim                 | delivery → when that was planned    |
| pr:webhook:leases             | zset   | claim, settle        | claim                 | delivery → lease end                |
| pr:webhook:tests              | list   | endpoint tests       | claim                 | claimed                             |
| pr:webhook:verdict:{delivery} | list   | settle (tests)       | endpoint tests        | a minute                            |
| pr:webhook:doorbell           | list   | dispatch, …          | notifier (BLPOP)      | emptied when there is nothing to do |
| pr:webhook:drain              | set    | disable, delete      | webhook sweep         | target; until its queue is empty    |
| pr:webhook:expiry             | zset   | settle, dispatch     | webhook sweep         | delivery → when its record goes     |
| pr:delivery:{delivery}        | hash   | every webhook script | all of webhooks       | DELIVERY_TTL_MS; crowded: less      |
| pr:deliveries:{target}        | zset   | dispatch, sweep      | list                  | delivery → created; with the record |
| pr:deliveries:{target}:{stat} | zset   | every webhook script | list, stats, recover  | delivery → created; with the status |
| pr:presence:{tenant}          | hash   | connection_counts    | connection_counts     | process → its clients; its lease    |
| pr:progress (channel)         | pubsub | progress             | web, notifier         | –                                   |
| pr:jobs:{tenant}              | zset   | submit, remove       | list                  | job → created; with the record      |
| pr:jobs:{tenant}:{status}     | zset   | every transition     | list, MAX_QUEUED      | job → created; with the status      |
| pr:tag:{tenant}:{tag}         | zset   | submit, remove       | list                  | job → created; with the record      |
| pr:batch:{tenant}:{batch}     | zset   | batches, remove      | list, cancel          | job → created; with the record      |
| pr:batch-record:{batch}       | hash   | batches, finish      | batch scripts         | RECORD_TTL after its last job ended |
| pr:idempotency:{tenant}:{key} | string | submit, batches      | submit, batches       | 24 hours or the job: digest and id  |
| pr:render:{tenant}:{key}      | string | reuse_store          | reuse_lookup          | the result: job with that content   |
| pr:template:{tenant}:{name}   | hash   | template_put         | templates             | deletion: versions and content      |
| pr:templates:{tenant}         | zset   | template_put, delete | list                  | names in order; with the template   |
| pr:template-versions:{tenant} | hash   | template_put         | template_put          | for ever: name → last number given  |
| pr:fonts:{tenant}             | hash   | font_put, delete     | fonts, claim          | name → font; their revision         |
| pr:expiry:starts              | zset   | submit, start        | claim                 | job → when it must have started     |
| pr:expiry:results             | zset   | finish, sweep        | sweep                 | job → when its result goes          |
| pr:expiry:records             | zset   | finish, remove       | sweep                 | job → when its record goes          |
| pr:garbage                    | zset   | submit, finish, …    | sweep                 | artifact path → when to remove      |
| pr:kept:{tenant}              | hash   | submit, finish, …    | same, recount         | job, template:…, font:… → bytes     |
| pr:kept-bytes                 | hash   | submit, finish, …    | submit, readiness     | tenant → their sum; while not 0     |
| pr:recount                    | list   | recount              | recount               | tenants still to be recounted       |
| pr:vanished                   | hash   | claim, sweep, forget | sweep, readiness      | an hour: how many records vanished  |
| arq:cron, arq:…               | zset … | arq                  | arq                   | arq's own path for cron jobs        |
| pr:artifact:{path}:{n}        | string | redis: artifacts     | redis: artifacts      | with the job                        |
| pr:artifacts:{tenant}/{name}  | hash   | redis: artifacts     | redis: artifacts      | rest of path → bytes; with the job  |
| pr:artifact-bytes             | string | redis: artifacts     | submit                | for ever: bytes in all              |

Times are Unix milliseconds. Clustering is refused at start, so scripts may build keys from these prefixes; `LUA_NAMES` hands them over.
"""

from __future__ import annotations

JOB = "pr:job:"
INPUT = "pr:input:"
ARQ_JOB = "arq:job:"
LEASES = "arq:queue"
READY = "pr:ready:"
WAITING = "pr:waiting:"
RING = "pr:ring"
TURN = "pr:turn"
DUE = "pr:due"
DUE_PLANNED = "pr:due:planned"
DOORBELL = "pr:doorbell"
TENANT = "pr:tenant:"
LOG = "pr:log:"
BUS = "pr:bus"
LOG_SIZES = "pr:log-sizes"
EVENT_BYTES = "pr:event-bytes"
OUTBOX = "pr:outbox"
EVENT = "pr:event:"
ENDPOINTS = "pr:endpoints:"
ENDPOINT_IDS = "pr:endpoint-ids:"
WEBHOOK_TARGET = "pr:webhook:target:"
WEBHOOK_FRESH = "pr:webhook:fresh:"
WEBHOOK_RETRY = "pr:webhook:retry:"
WEBHOOK_RING = "pr:webhook:ring"
WEBHOOK_WAKE = "pr:webhook:wake"
WEBHOOK_BROKEN = "pr:webhook:broken"
WEBHOOK_WAITING = "pr:webhook:waiting:"
WEBHOOK_ORIGIN = "pr:webhook:origin:"
WEBHOOK_PACED = "pr:webhook:paced"
WEBHOOK_DUE = "pr:webhook:due"
WEBHOOK_DUE_PLANNED = "pr:webhook:due:planned"
WEBHOOK_LEASES = "pr:webhook:leases"
WEBHOOK_TESTS = "pr:webhook:tests"
WEBHOOK_VERDICT = "pr:webhook:verdict:"
WEBHOOK_DOORBELL = "pr:webhook:doorbell"
WEBHOOK_DRAIN = "pr:webhook:drain"
WEBHOOK_EXPIRY = "pr:webhook:expiry"
DELIVERY = "pr:delivery:"
DELIVERIES = "pr:deliveries:"
PRESENCE = "pr:presence:"
PROGRESS = "pr:progress"
JOBS = "pr:jobs:"
TAG = "pr:tag:"
BATCH = "pr:batch:"
BATCH_RECORD = "pr:batch-record:"
IDEMPOTENCY = "pr:idempotency:"
RENDER = "pr:render:"
TEMPLATE = "pr:template:"
TEMPLATES = "pr:templates:"
TEMPLATE_VERSIONS = "pr:template-versions:"
FONTS = "pr:fonts:"
EXPIRY_STARTS = "pr:expiry:starts"
EXPIRY_RESULTS = "pr:expiry:results"
EXPIRY_RECORDS = "pr:expiry:records"
GARBAGE = "pr:garbage"
KEPT = "pr:kept:"
KEPT_BYTES = "pr:kept-bytes"
RECOUNT = "pr:recount"
VANISHED = "pr:vanished"
CRON_QUEUE = "arq:cron"
ARTIFACT = "pr:artifact:"
ARTIFACTS = "pr:artifacts:"
ARTIFACT_BYTES = "pr:artifact-bytes"

RECORD_VERSION = 1
"""The newest `v` of jobs, batches and logged events that this release reads, and the one that it
writes (no `v` means 1). `docs/contributing/changing-stored-data.md` says when it grows."""
BUS_TTL_MS = 3600 * 1000
"""How long the bus keeps an event: a process that was away for longer looks at logs and records."""
DOORBELL_CAP = 64
"""How many idle workers one burst of submissions may wake."""
IDEMPOTENCY_TTL_MS = 24 * 3600 * 1000
"""How long an idempotency key is remembered."""
CLOCK_STEP_MS = 5_000
"""A time is too far ahead by more than this only if the store's clock was set back. Smaller steps delay by no more."""
LONGEST_PAUSE_MS = 2 * 24 * 3600 * 1000
"""Longer than any pause before a retry, of a job or a webhook."""
ORPHAN_MS = 3600 * 1000
"""How long after a lost claim its possible leftovers are removed: no worker writes that late."""
VANISHED_TTL_MS = 3600 * 1000
"""How long vanished records are reported, counted from the last one."""
DELIVERY_TTL_MS = 14 * 24 * 3600 * 1000
"""How long a webhook delivery is kept after its end: to look at, and to recover."""

WEBHOOK_DOORBELL_CAP = 16
"""How many rings wait for notifiers: each look takes many deliveries, so more rings say nothing new."""
WEBHOOK_MAX_IN_FLIGHT = 10
"""Requests at the same time to one target that names no limit of its own."""
WEBHOOK_BREAKER_FAILURES = 5
"""Failures in a row that open the circuit breaker of a target."""
WEBHOOK_BREAKER_FIRST_MS = 30_000
"""How long the breaker is open at first; each failed probe doubles it."""
WEBHOOK_BREAKER_LONGEST_MS = 600_000
"""The longest that the breaker is open between two probes."""
WEBHOOK_LONGEST_HOLD_MS = 20 * 60 * 1000
"""Longer than any hold: of the breaker, of `Retry-After`, or of a rate."""
WEBHOOK_ORIGIN_BURST_MS = 200
"""An origin that got nothing for a while gets what its rate allows in this time at once: 20 requests
at 100 a second. Enough for the events of a job, too little to hit a server hard."""
WEBHOOK_ORIGIN_PAUSE_MS = 50
"""The shortest pause before a paced origin is looked at again, so that a look sends several."""
WEBHOOK_DISABLE_AFTER_MS = 5 * 24 * 3600 * 1000
"""An endpoint that only failed for so long is disabled."""
WEBHOOK_KEPT_ATTEMPTS = 50
"""How many attempts of a delivery are kept to look at, the newest."""
WEBHOOK_LOST_CLAIMS = 10
"""Claims lost in a row that end a delivery: it may be what kills notifiers."""

LUA_NAMES: dict[str, str | int] = {name: value for name, value in dict(globals()).items() if name.isupper()}
"""Handed to every script as local variables named `K_…` (see `jobs.store.scripts`)."""
