"""What a deliverer counts, and what the store tells of the backlog."""

from __future__ import annotations

from jobs.store import keys
from jobs.webhooks.load import read_webhook_load
from notifier.webhooks.exchange import Exchange
from testsupport.hooks import TENANT, Hooks, failing, faulty


def value(hooks: Hooks, name: str, **labels: str) -> float:
    return hooks.registry.get_sample_value(name, labels) or 0


def attempts(hooks: Hooks, outcome: str, error: str = "") -> float:
    return value(hooks, "pressrun_webhook_attempts_total", outcome=outcome, error=error)


async def test_first_attempts_are_timed_from_their_events(clocked: Hooks) -> None:
    await clocked.endpoint()
    await clocked.event()
    await clocked.pass_time(2_000)
    await clocked.dispatch()
    await clocked.pass_time(1_000)
    await clocked.work()
    assert attempts(clocked, "succeeded") == 1
    assert value(clocked, "pressrun_webhook_deliveries_ended_total", status="succeeded") == 1
    assert value(clocked, "pressrun_webhook_latency_seconds_count") == 1
    assert 3 <= value(clocked, "pressrun_webhook_latency_seconds_sum") < 3600


async def test_a_retry_is_an_attempt_but_has_no_latency(clocked: Hooks) -> None:
    await clocked.endpoint()
    await clocked.event()
    await clocked.dispatch()
    clocked.sender.answers = faulty
    await clocked.work()
    assert attempts(clocked, "fault", "dns_failed") == 1
    assert value(clocked, "pressrun_webhook_latency_seconds_count") == 0, "nobody answered"
    clocked.sender.answers = lambda request: Exchange(status=200)
    await clocked.pass_time(3_600_000)
    await clocked.work()
    assert attempts(clocked, "succeeded") == 1
    assert value(clocked, "pressrun_webhook_latency_seconds_count") == 0
    assert value(clocked, "pressrun_webhook_deliveries_ended_total", status="succeeded") == 1


async def test_an_endpoint_that_is_gone_is_counted(clocked: Hooks) -> None:
    await clocked.endpoint()
    await clocked.event()
    await clocked.dispatch()
    clocked.sender.answers = failing(410)
    await clocked.work()
    assert attempts(clocked, "gone", "http_status") == 1
    assert value(clocked, "pressrun_webhook_endpoints_disabled_total", reason="gone") == 1
    assert value(clocked, "pressrun_webhook_deliveries_ended_total", status="discarded") == 1


async def test_the_load_counts_what_waits(clocked: Hooks) -> None:
    await clocked.endpoint()
    await clocked.event()
    await clocked.pass_time(5_000)
    load = await read_webhook_load(clocked.scripts)
    assert (load.outbox, load.retries, load.sending) == (1, 0, 0)
    assert load.oldest_ms >= 0
    await clocked.dispatch()
    await clocked.claim_one()
    load = await read_webhook_load(clocked.scripts)
    assert (load.outbox, load.oldest_ms, load.retries, load.sending) == (0, 0, 0, 1)


async def test_the_load_counts_retries(clocked: Hooks) -> None:
    await clocked.endpoint()
    await clocked.event()
    await clocked.dispatch()
    clocked.sender.answers = failing()
    await clocked.work()
    assert (await read_webhook_load(clocked.scripts)).retries == 1


async def breakers(hooks: Hooks) -> tuple[int, int]:
    load = await read_webhook_load(hooks.scripts)
    return load.breakers_open, load.breakers_half_open


async def open_breaker(hooks: Hooks) -> None:
    hooks.sender.answers = failing()
    await hooks.events(keys.WEBHOOK_BREAKER_FAILURES)
    await hooks.work()


async def test_a_breaker_is_open_then_half_open_then_closed(clocked: Hooks) -> None:
    await clocked.endpoint()
    assert await breakers(clocked) == (0, 0)
    await open_breaker(clocked)
    assert await breakers(clocked) == (1, 0)
    await clocked.pass_time(keys.WEBHOOK_BREAKER_FIRST_MS * 2)
    assert await breakers(clocked) == (0, 1)
    clocked.sender.answers = lambda request: Exchange(status=200)
    await clocked.work()
    assert await breakers(clocked) == (0, 0)


async def test_the_breaker_of_a_target_that_was_removed_is_forgotten(clocked: Hooks) -> None:
    endpoint = await clocked.endpoint()
    await open_breaker(clocked)
    await clocked.endpoints.delete(TENANT, endpoint.id)
    await clocked.pass_time(keys.WEBHOOK_BREAKER_FIRST_MS * 2)
    assert await breakers(clocked) == (0, 0)


async def test_a_breaker_that_nobody_tries_again_is_forgotten_after_a_day(clocked: Hooks) -> None:
    await clocked.endpoint()
    await open_breaker(clocked)
    await clocked.pass_time(2 * 24 * 3_600_000)
    assert await breakers(clocked) == (0, 0)
