"""The webhook routes over the real store. `notifier` stands in for the process that delivers."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook
from starlette.routing import Route

from api.app import Api
from jobs.core.errors.job import RenderFailed
from jobs.core.secret_key import load_secret_keys
from jobs.core.settings import Settings
from jobs.store import keys
from jobs.store.client import connect
from jobs.store.scripts import Scripts
from notifier.webhooks.service import WebhookService
from tests.integration.api.conftest import ACME_KEY, GLOBEX_KEY, FakeWorker, caller, running
from tests.integration.api.test_jobs import submit
from testsupport.hooks import Receiver
from testsupport.waiting import eventually

ENDPOINTS = "/v1/webhook-endpoints"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that allow receivers on loopback."""
    return dataclasses.replace(settings, egress_allow=("127.0.0.0/8",))


@pytest.fixture
def keyed_settings(keyed_settings: Settings) -> Settings:
    return dataclasses.replace(keyed_settings, egress_allow=("127.0.0.0/8",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as receiver:
        yield receiver


@asynccontextmanager
async def notifier(settings: Settings) -> AsyncIterator[None]:
    """Runs the webhook part of a notifier."""
    redis = connect(settings)
    service = WebhookService(settings, redis, Scripts(redis, settings), load_secret_keys(settings))
    running = asyncio.create_task(service.run())
    try:
        yield
    finally:
        await service.drain(0)
        running.cancel()
        await asyncio.wait([running])
        await redis.aclose()


async def register(client: httpx.AsyncClient, url: str = "https://127.0.0.1/hook", **members: Any) -> Any:
    answer = await client.post(ENDPOINTS, json={"url": url, **members})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def first_delivery(client: httpx.AsyncClient, endpoint_id: str, status: str) -> Any:
    found: list[Any] = []

    async def is_there() -> bool:
        answer = await client.get(f"{ENDPOINTS}/{endpoint_id}/deliveries", params={"status": status})
        found[:] = answer.json()["items"]
        return bool(found)

    await eventually(is_there)
    return found[0]


async def test_a_new_endpoint_has_a_secret_and_the_default_event_types(client: httpx.AsyncClient) -> None:
    answer = await client.post(ENDPOINTS, json={"url": "https://127.0.0.1/hook"})
    made = answer.json()
    assert answer.headers["location"] == f"{ENDPOINTS}/{made['id']}"
    assert made["event_types"] == ["job.succeeded", "job.failed", "job.cancelled", "batch.completed"]
    assert (made["status"], made["recoverable"], made["headers"]) == ("enabled", 0, {})
    Webhook(made["secret"])
    shown = (await client.get(f"{ENDPOINTS}/{made['id']}")).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert (await client.get(f"{ENDPOINTS}/{made['id']}/secret")).json() == {
        "secret": made["secret"],
        "previous": None,
    }


async def test_a_tenant_may_have_so_many_endpoints_and_a_deleted_one_makes_room(
    keyed_settings: Settings,
) -> None:
    limited = dataclasses.replace(keyed_settings, max_webhook_endpoints=2)
    async with running(limited) as app, caller(app, ACME_KEY) as acme, caller(app, GLOBEX_KEY) as globex:
        first, _ = await register(acme), await register(acme)
        answer = await acme.post(ENDPOINTS, json={"url": "https://127.0.0.1/hook"})
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhook_endpoints")
        assert "PRESSRUN_MAX_WEBHOOK_ENDPOINTS" in answer.json()["detail"]
        await register(globex)
        changed = await acme.patch(f"{ENDPOINTS}/{first['id']}", json={"description": "kept"})
        assert changed.status_code == 200
        assert (await acme.delete(f"{ENDPOINTS}/{first['id']}")).status_code == 204
        await register(acme)


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "Connection", "Close", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
        *("Expect", "Max-Forwards", "HTTP2-Settings", "Proxy-Connection", "Sec-WebSocket-Key", "Alt-Used"),
        *("Early-Data", "Content-Length", "Content-Range", "Content-Digest", "Date", "Via", "Webhook-Id"),
    ],
)
async def test_headers_of_the_connection_and_the_message_are_refused(
    client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.post(ENDPOINTS, json={"url": "https://127.0.0.1/hook", "headers": {name: "1"}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/headers"


async def test_secrets_and_headers_are_sealed_in_the_store(client: httpx.AsyncClient, redis: Any) -> None:
    made = await register(client, headers={"Authorization": "Bearer very-secret"})
    assert made["headers"] == {"authorization": "Bearer very-secret"}
    for key in await redis.keys("pr:*"):
        if await redis.type(key) == b"hash":
            stored = b"".join((await redis.hgetall(key)).values())
            assert made["secret"].encode() not in stored
            assert b"very-secret" not in stored


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"url": "http://93.184.215.14/"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "/url"),
        ({"url": "https://93.184.215.14:22/"}, "/url"),
        ({"url": "https://93.184.215.14:9000/"}, "/url"),
        ({"url": "https://user:pass@93.184.215.14/"}, "/url"),
        ({"url": "ftp://93.184.215.14/"}, "/url"),
        ({"url": ""}, "/url"),
        ({"secret": "whsec_c2hvcnQ="}, "/secret"),
        ({"secret": "nonsense"}, "/secret"),
        ({"event_types": []}, "/event_types"),
        ({"event_types": ["job/.*"]}, "/event_types/0"),
        ({"event_types": ["job.*", "job.done"]}, "/event_types/1"),
        ({"event_types": ["webhook_delivery.*"]}, "/event_types/0"),
        ({"headers": {"Webhook-Id": "x"}}, "/headers"),
        ({"headers": {"Host": "x"}}, "/headers"),
        ({"headers": {"x-a": "b\r\nx-c: d"}}, "/headers"),
        ({"max_in_flight": 0}, "/max_in_flight"),
        ({"max_per_second": 0}, "/max_per_second"),
        ({"unknown": 1}, "/unknown"),
    ],
)
async def test_an_invalid_endpoint_is_refused_with_a_pointer(
    client: httpx.AsyncClient, members: dict[str, Any], pointer: str
) -> None:
    answer = await client.post(ENDPOINTS, json={"url": "https://127.0.0.1/", **members})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_change_keeps_the_members_it_does_not_name(client: httpx.AsyncClient) -> None:
    made = await register(client, headers={"x-a": "1"}, max_per_second=2.5, tags=["a"])
    path = f"{ENDPOINTS}/{made['id']}"
    changed = (await client.patch(path, json={"description": "new", "status": "paused"})).json()
    assert changed["updated_at"] >= made["updated_at"]
    same = {"url", "headers", "max_per_second", "tags", "event_types", "created_at"}
    assert {name: changed[name] for name in same} == {name: made[name] for name in same}
    assert (changed["description"], changed["status"]) == ("new", "paused")
    assert (await client.patch(path, json={"max_per_second": None})).json()["max_per_second"] is None
    assert (await client.patch(path, json={"url": None})).status_code == 422
    disabled = (await client.patch(path, json={"status": "disabled"})).json()
    assert disabled["disabled_reason"] == "requested"
    assert (await client.patch(path, json={"status": "enabled"})).json()["disabled_at"] is None


async def test_endpoints_are_listed_newest_first_page_by_page(client: httpx.AsyncClient) -> None:
    made = [(await register(client))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(ENDPOINTS, params=query)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(made, reverse=True)
    assert (await client.get(ENDPOINTS, params={"cursor": "x"})).status_code == 422


async def test_a_deleted_endpoint_is_gone(client: httpx.AsyncClient) -> None:
    made = await register(client)
    assert (await client.delete(f"{ENDPOINTS}/{made['id']}")).status_code == 204
    assert (await client.get(f"{ENDPOINTS}/{made['id']}")).json()["code"] == "webhook_endpoint_not_found"
    assert (await client.get(ENDPOINTS)).json()["items"] == []


async def test_deliveries_are_signed_with_both_secrets_after_a_rotation(
    client: httpx.AsyncClient, settings: Settings, receiver: Receiver
) -> None:
    made = await register(client, receiver.url, event_types=["job.queued"])
    rotated = (
        await client.post(f"{ENDPOINTS}/{made['id']}/secret/rotate", json={"grace_seconds": 60})
    ).json()
    assert rotated["previous"]["secret"] == made["secret"] != rotated["secret"]
    async with notifier(settings):
        await submit(client)
        (request,) = await receiver.got(1)
    assert request.verified_by(made["secret"])
    assert request.verified_by(rotated["secret"])
    assert len(request.headers["webhook-signature"].split()) == 2
    only = (await client.post(f"{ENDPOINTS}/{made['id']}/secret/rotate", json={"grace_seconds": 0})).json()
    assert only["previous"] is None


async def test_an_endpoint_whose_key_is_lost_is_shown_and_can_get_a_new_secret(
    client: httpx.AsyncClient, redis: Any
) -> None:
    made = await register(client, headers={"x-a": "1"})
    await redis.hset(keys.WEBHOOK_TARGET + made["id"], "sealed", "c2VhbGVkIHdpdGggYSBsb3N0IGtleQ==")
    path = f"{ENDPOINTS}/{made['id']}"
    (listed,) = (await client.get(ENDPOINTS)).json()["items"]
    assert listed["headers"] is None
    assert (await client.patch(path, json={"status": "paused"})).json()["headers"] is None
    refused = [
        await client.get(f"{path}/secret"),
        await client.post(f"{path}/test"),
        await client.patch(path, json={"headers": {"x-a": "2"}}),
    ]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [
        (409, "credentials_unreadable")
    ] * 3
    assert "PRESSRUN_SECRET_KEY" in refused[0].json()["detail"]

    rotated = (await client.post(f"{path}/secret/rotate", json={})).json()
    assert (await client.get(f"{path}/secret")).json() == rotated == {**rotated, "previous": None}
    assert (await client.patch(path, json={"headers": {"x-a": "2"}})).json()["headers"] == {"x-a": "2"}


async def test_a_tenant_secret_whose_key_is_lost_is_reported_as_unreadable(
    client: httpx.AsyncClient, redis: Any
) -> None:
    await client.get("/v1/webhook-secret")
    await redis.hset(keys.TENANT + "default", "webhook_secret", "c2VhbGVkIHdpdGggYSBsb3N0IGtleQ==")
    answer = await client.get("/v1/webhook-secret")
    assert (answer.status_code, answer.json()["code"]) == (409, "credentials_unreadable")


async def test_a_delivery_shows_every_attempt_and_its_event(
    client: httpx.AsyncClient, settings: Settings, receiver: Receiver
) -> None:
    made = await register(client, receiver.url, event_types=["job.queued"])
    async with notifier(settings):
        job = await submit(client)
        delivery = await first_delivery(client, made["id"], "succeeded")
    shown = (await client.get(f"/v1/webhook-deliveries/{delivery['id']}")).json()
    assert shown["event"]["data"]["job"]["id"] == job["id"]
    assert shown["event_id"] == shown["event"]["id"] == receiver.requests[0].headers["webhook-id"]
    (attempt,) = shown["attempts"]
    assert (attempt["status"], attempt["error"], attempt["answer"]) == (200, None, "thanks")
    assert set(attempt["phases_ms"]) == {"queue", "dns", "connect", "tls", "first_byte", "body"}
    assert attempt["phases_ms"]["connect"] is not None
    events = (await client.get("/v1/events")).json()["items"]
    assert receiver.requests[0].event == events[0]


async def test_redelivering_sends_the_same_event_again(
    client: httpx.AsyncClient, settings: Settings, receiver: Receiver
) -> None:
    made = await register(client, receiver.url, event_types=["job.queued"])
    async with notifier(settings):
        await submit(client)
        delivery = await first_delivery(client, made["id"], "succeeded")
    answer = await client.post(f"/v1/webhook-deliveries/{delivery['id']}/redeliver")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")  # no notifier is running
    async with notifier(settings):
        first, second = await receiver.got(2)
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)


async def test_deliveries_are_filtered(
    client: httpx.AsyncClient, settings: Settings, receiver: Receiver
) -> None:
    made = await register(client, receiver.url, event_types=["job.*"])
    async with notifier(settings):
        job = await submit(client)
        await client.post(f"/v1/jobs/{job['id']}/cancel")
        await receiver.got(2)
        await first_delivery(client, made["id"], "succeeded")
    path = f"{ENDPOINTS}/{made['id']}/deliveries"

    async def ids(**query: str) -> list[str]:
        return [item["event_type"] for item in (await client.get(path, params=query)).json()["items"]]

    assert sorted(await ids()) == ["job.cancelled", "job.queued"]
    assert await ids(event_type="job.queued") == ["job.queued"]
    assert await ids(status="exhausted") == []
    later = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)).isoformat()
    assert await ids(since=later) == []
    assert len(await ids(until=later)) == 2
    assert (await client.get(path, params={"cursor": "x"})).status_code == 422


async def test_missed_events_are_recovered_and_replayed(
    client: httpx.AsyncClient, settings: Settings, receiver: Receiver
) -> None:
    made = await register(client, receiver.url, event_types=["job.queued"])
    await client.patch(f"{ENDPOINTS}/{made['id']}", json={"status": "disabled"})
    async with notifier(settings):
        await submit(client)
        await first_delivery(client, made["id"], "discarded")
        recover = f"{ENDPOINTS}/{made['id']}/recover"
        assert (await client.post(recover, json={"since": "2020-01-01T00:00:00Z"})).status_code == 409
        enabled = (await client.patch(f"{ENDPOINTS}/{made['id']}", json={"status": "enabled"})).json()
        assert enabled["recoverable"] == 1
        answer = await client.post(recover, json={"since": "2020-01-01T00:00:00Z"})
        assert (answer.status_code, answer.json()) == (202, {"count": 1})
        await receiver.got(1)
        await submit(client)
        await receiver.got(2)

        late = await register(client, receiver.url + "/late", event_types=["job.*"])
        answer = await client.post(f"{ENDPOINTS}/{late['id']}/replay", json={})
        assert answer.json() == {"count": 2, "next_cursor": None}
        await receiver.got(4)
        assert (await client.post(f"{ENDPOINTS}/{late['id']}/replay", json={})).json()["count"] == 0
    bodies = {request.path: [] for request in receiver.requests}
    for request in receiver.requests:
        bodies[request.path].append(request.body)
    first, second = bodies.values()
    assert sorted(first) == sorted(second)


async def test_stats_count_the_deliveries_to_an_endpoint(
    client: httpx.AsyncClient, settings: Settings, receiver: Receiver
) -> None:
    made = await register(client, receiver.url, event_types=["job.queued"])
    async with notifier(settings):
        await submit(client)
        await first_delivery(client, made["id"], "succeeded")
        receiver.status = 500
        await submit(client)

        async def has_failed() -> bool:
            return bool((await client.get(f"{ENDPOINTS}/{made['id']}/stats")).json()["failed_attempts"])

        await eventually(has_failed)
    stats = (await client.get(f"{ENDPOINTS}/{made['id']}/stats")).json()
    assert stats["succeeded_attempts"] == 1
    assert stats["deliveries"]["succeeded"] == 1
    assert (stats["breaker"], stats["consecutive_failures"]) == ("closed", 1)
    assert stats["failing_since"] is not None


async def test_a_test_is_sent_like_a_delivery_even_to_a_paused_endpoint(
    client: httpx.AsyncClient, settings: Settings, receiver: Receiver
) -> None:
    made = await register(client, receiver.url)
    await client.patch(f"{ENDPOINTS}/{made['id']}", json={"status": "paused"})
    async with notifier(settings):
        report = (await client.post(f"{ENDPOINTS}/{made['id']}/test")).json()
        receiver.status = 418
        failed = (await client.post(f"{ENDPOINTS}/{made['id']}/test")).json()
    assert (report["verdict"], report["status"], report["policy"]["ok"]) == ("ok", 200, True)
    assert report["dns"]["connected_to"] == "127.0.0.1"
    request = receiver.requests[0]
    assert request.verified_by(made["secret"])
    assert (request.event["type"], request.event["id"]) == ("webhook.test", report["event_id"])
    assert (failed["verdict"], failed["status"]) == ("failed", 418)
    assert "418" in failed["explanation"]
    assert (await client.get("/v1/events")).json()["items"] == []
    assert (await client.get(f"{ENDPOINTS}/{made['id']}/stats")).json()["failed_attempts"] == 0


async def test_a_test_reports_that_the_receiver_does_not_answer(
    client: httpx.AsyncClient, settings: Settings, closed_port: int
) -> None:
    made = await register(client, f"http://127.0.0.1:{closed_port}/hook")
    async with notifier(settings):
        report = (await client.post(f"{ENDPOINTS}/{made['id']}/test")).json()
    assert (report["verdict"], report["error"]) == ("failed", "connect_failed")


async def test_the_webhook_url_of_a_job_receives_the_event_that_ends_it(
    client: httpx.AsyncClient, settings: Settings, receiver: Receiver, worker: FakeWorker
) -> None:
    secret = (await client.get("/v1/webhook-secret")).json()["secret"]
    assert (await client.get("/v1/webhook-secret")).json()["secret"] == secret
    async with notifier(settings):
        job = await submit(client, webhook_url=receiver.url)
        await worker.fail(RenderFailed("Broken."))
        (request,) = await receiver.got(1)
        assert request.event["type"] == "job.failed"
        assert request.verified_by(secret)
        found: list[Any] = []

        async def is_written() -> bool:
            answer = await client.get("/v1/webhook-deliveries", params={"url": receiver.url})
            found[:] = answer.json()["items"]
            return [item["status"] for item in found] == ["succeeded"]

        await eventually(is_written)
        assert (found[0]["url"], found[0]["endpoint_id"]) == (receiver.url, None)
        again = (await client.post(f"/v1/jobs/{job['id']}/retry")).json()
        await client.post(f"/v1/jobs/{again['id']}/cancel")
        _, second = await receiver.got(2)
    assert second.event["data"]["job"]["retry_of"] == job["id"]
    answer = await client.get("/v1/webhook-deliveries", params={"url": "https://nobody.example/"})
    assert answer.json()["items"] == []


async def test_unknown_event_types_are_refused_with_a_list_of_the_known_ones(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    answer = await client.post(
        "/v1/webhook-endpoints", json={"url": receiver.url, "event_types": ["job.done"]}
    )
    problem = answer.json()
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/event_types/0")
    assert "job.succeeded, job.failed" in problem["detail"]
    assert "webhook_delivery.exhausted" not in problem["detail"]
    made = await register(client, receiver.url, event_types=["*", "job.*", "webhook_endpoint.disabled"])
    path = f"/v1/webhook-endpoints/{made['id']}"
    assert (await client.patch(path, json={"event_types": ["batch.*"]})).status_code == 200
    assert (await client.patch(path, json={"event_types": ["batches.*"]})).status_code == 422


async def test_a_job_with_a_forbidden_webhook_url_is_refused(client: httpx.AsyncClient) -> None:
    body = {"kind": "pdf.render", "input": {"html": "x"}, "webhook_url": "https://169.254.169.254/"}
    answer = await client.post("/v1/jobs", json=body)
    assert answer.json()["errors"][0]["pointer"] == "/webhook_url"


async def test_a_different_webhook_url_counts_as_different_content(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k"}
    body = {"kind": "pdf.render", "input": {"html": "x"}, "webhook_url": "https://127.0.0.1/a"}
    assert (await client.post("/v1/jobs", json=body, headers=headers)).status_code == 202
    body["webhook_url"] = "https://127.0.0.1/b"
    assert (await client.post("/v1/jobs", json=body, headers=headers)).status_code == 422


async def test_webhooks_of_another_tenant_are_not_found_on_any_route(
    keyed_app: Api,
    keyed_settings: Settings,
    acme: httpx.AsyncClient,
    globex: httpx.AsyncClient,
    receiver: Receiver,
) -> None:
    made = await register(acme, receiver.url, event_types=["job.queued"])
    async with notifier(keyed_settings):
        await submit(acme)
        delivery = await first_delivery(acme, made["id"], "succeeded")
    ids = {"{endpoint_id}": made["id"], "{delivery_id}": delivery["id"]}
    paths = [route for route in keyed_app.routes if isinstance(route, Route) and "webhook" in route.path]
    tried = 0
    for route in paths:
        for name, value in ids.items():
            if name in route.path:
                for method in route.methods or ():
                    answer = await globex.request(method, route.path.replace(name, value), json={})
                    assert answer.status_code == 404, (method, route.path)
                    tried += 1
    assert tried >= 13
    assert (await globex.get(ENDPOINTS)).json()["items"] == []
    assert (await globex.get("/v1/webhook-deliveries", params={"url": receiver.url})).json()["items"] == []
    assert (await acme.get(f"{ENDPOINTS}/{made['id']}")).status_code == 200


async def test_answers_have_the_members_that_the_contract_lists(
    client: httpx.AsyncClient, settings: Settings, receiver: Receiver
) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    made = await register(client, receiver.url, event_types=["job.queued"])
    assert set(made) == set(schemas["CreatedEndpoint"]["required"])
    path = f"{ENDPOINTS}/{made['id']}"
    async with notifier(settings):
        await submit(client)
        delivery = await first_delivery(client, made["id"], "succeeded")
        tested = (await client.post(f"{path}/test")).json()
    assert set(delivery) == set(schemas["DeliveryDocument"]["required"])
    assert set(tested) == set(schemas["TestDocument"]["required"])
    assert set((await client.get(f"{path}/stats")).json()) == set(schemas["StatsDocument"]["required"])
    assert set((await client.get(f"{path}/secret")).json()) == set(schemas["SecretDocument"]["required"])
