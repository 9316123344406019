"""One submission makes one job at most, and none if it was refused.

All requests with one idempotency key get the same job; other content with that key is refused. A
request without an answer has made one job or none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from tests.chaos.observations import Submitted
from tests.chaos.promises.history import History

_Group = list[Submitted]


def broken(history: History) -> Iterator[str]:
    keyed: dict[tuple[str, str], _Group] = defaultdict(list)
    for each in history.of(Submitted):
        if each.must_refuse and each.job_ids:
            yield f"{each.nonce} is not valid, and was accepted"
        if each.key is not None:
            keyed[each.tenant, each.key].append(each)
    for (_, key), tries in keyed.items():
        yield from _wrong_answers(key, tries)
    yield from _wrong_counts(history)


def _wrong_answers(key: str, tries: _Group) -> Iterator[str]:
    accepted = [each for each in tries if each.job_ids]
    if len({each.job_ids for each in accepted}) > 1:
        yield f"{key} gave {sorted({each.job_ids for each in accepted})}"
    if len({each.content for each in accepted}) > 1:
        yield f"{key} was accepted with {len({each.content for each in accepted})} contents"
    for each in accepted:
        before = [other for other in accepted if other.at < each.began]
        if before and not each.replayed:
            yield f"{key} gave {each.job_ids} as a new job again"
        if each.replayed and not any(other.began < each.began for other in tries if other is not each):
            yield f"{key} was new, and gave a job that was there"
    for each in tries:
        others = [other for other in tries if other.content != each.content and other.began < each.at]
        if each.code == "idempotency_key_reused" and not others:
            yield f"{key} was refused as used for other content, and was not"


def _wrong_counts(history: History) -> Iterator[str]:
    """Compares submissions with the jobs that appeared in the log."""
    tries: dict[tuple[str, str], _Group] = defaultdict(list)
    for each in history.of(Submitted):
        tries[each.tenant, _name(each.retry_of, each.nonce)].append(each)
    made, unnamed = Counter[tuple[str, str]](), Counter[str]()
    for job_id, events in history.job_events.items():
        tenant, job = history.tenants[job_id], events[-1].job
        assert job is not None
        if job.retry_of or job.nonce:
            made[tenant, _name(job.retry_of, _submission(job.nonce, job.batch_id))] += 1
        elif job_id not in history.accepted:
            unnamed[tenant] += 1  # by /v1/pdf, and without a result whose name says by which request
    if not history.final:
        return
    for (tenant, name), count in made.items():
        group = tries.get((tenant, name), [])
        jobs_each = max((len(each.expected) for each in group if each.route == "batches"), default=1)
        most = jobs_each * len(_separate(each for each in group if not each.is_refused))
        if count > most:
            yield f"{name} of {tenant} made {count} jobs, of {most} at most"
    for tenant, count in unnamed.items():
        lost = [each for each in history.of(Submitted) if each.tenant == tenant and each.is_unknown]
        most = len(_separate(each for each in lost if each.route in ("pdf", "preview")))
        if count > most:
            yield f"{count} jobs of {tenant} come from {most} requests without an answer"


def _name(retry_of: str | None, nonce: str | None) -> str:
    return f"a retry of {retry_of}" if retry_of else nonce or ""


def _submission(nonce: str | None, batch_id: str | None) -> str | None:
    return nonce.rpartition(".")[0] if nonce and batch_id else nonce


def _separate(tries: Iterable[Submitted]) -> set[object]:
    """Returns what could each make a job of its own: keys, and requests without a key."""
    return {each.key or id(each) for each in tries}
