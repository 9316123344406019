"""Webhooks on a test's store, put together as in the processes, and receivers to script."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web
from arq.connections import ArqRedis
from prometheus_client.registry import CollectorRegistry
from standardwebhooks import Webhook

from jobs.core.egress import EgressPolicy
from jobs.core.ids import new_job_id
from jobs.core.job import Job, Submission
from jobs.core.settings import Settings
from jobs.store import keys
from jobs.store.artifacts import open_artifacts
from jobs.store.client import connect
from jobs.store.events.event_log import EventLog
from jobs.store.jobs import JobStore
from jobs.store.scripts import Script, Scripts
from jobs.webhooks.credentials import Credentials, CredentialsBox
from jobs.webhooks.deliveries import Deliveries
from jobs.webhooks.delivery import Delivery
from jobs.webhooks.delivery_queue import DeliveryClaim, DeliveryQueue
from jobs.webhooks.destination import Destinations
from jobs.webhooks.endpoint import Endpoint, EndpointConfig
from jobs.webhooks.endpoints import Endpoints
from jobs.webhooks.outbox import Outbox
from notifier.webhooks.deliverer import Deliverer
from notifier.webhooks.directory import Directory
from notifier.webhooks.dispatcher import Dispatcher
from notifier.webhooks.exchange import Exchange
from notifier.webhooks.metrics import WebhookMetrics
from notifier.webhooks.pacing import Pacer
from notifier.webhooks.sender import Sender, WebhookRequest

SECRET_KEY = "a-secret-of-thirty-two-characters"
TENANT = "acme"
LOOPBACK = EgressPolicy.from_entries(["127.0.0.0/8", "::1"])
START_MS = 1_800_000_000_000


class ClockedScripts(Scripts):
    """Scripts whose clock only a test moves."""

    def script(self, name: str) -> Script:
        script = super().script(name)
        text = script.text.replace(
            "redis.call('TIME')", "({redis.call('GET', 'test:seconds'), redis.call('GET', 'test:micros')})"
        )
        return replace(script, text=text, digest="0" * 40)  # an unknown digest: the text is sent every time


@dataclass
class Request:
    """A request that a receiver got."""

    headers: Mapping[str, str]
    body: bytes
    path: str

    @property
    def event(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded

    def verified_by(self, secret: str) -> bool:
        Webhook(secret).verify(self.body, dict(self.headers))
        return True


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver:
    """A customer's server on loopback. `answer` may be replaced at any time."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.answer: Answer | None = None
        self.url = ""
        self._arrived = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        got = Request(
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
            request.path,
        )
        self.requests.append(got)
        async with self._arrived:
            self._arrived.notify_all()
        if self.answer is not None:
            return await self.answer(request)
        return web.Response(status=self.status, headers=self.headers, text="thanks")

    async def got(self, count: int) -> list[Request]:
        """Returns the requests, once there are `count` of them."""
        async with asyncio.timeout(30), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    @classmethod
    @asynccontextmanager
    async def listening(cls, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
        receiver = cls()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", receiver.handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/hook"
        try:
            yield receiver
        finally:
            await runner.cleanup()


class ScriptedSender:
    """Replaces the network: answers as a test says, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[WebhookRequest] = []
        self.answers: Callable[[WebhookRequest], Exchange] = lambda request: Exchange(status=200)

    async def send(self, request: WebhookRequest, deadline_s: float) -> Exchange:
        self.sent.append(request)
        return self.answers(request)


def failing(status: int = 500, **fields: Any) -> Callable[[WebhookRequest], Exchange]:
    return lambda request: Exchange(status=status, error="http_status", **fields)


def faulty(request: WebhookRequest) -> Exchange:
    return Exchange(error="dns_failed", is_fault=True)


@dataclass
class Hooks:
    """Everything about webhooks on one store."""

    redis: ArqRedis
    scripts: Scripts
    store: JobStore
    endpoints: Endpoints
    deliveries: Deliveries
    queue: DeliveryQueue
    pacer: Pacer
    dispatcher: Dispatcher
    deliverer: Deliverer
    sender: Any
    outbox: Outbox
    box: CredentialsBox
    registry: CollectorRegistry
    """The metrics of the deliverer."""
    _close: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    @classmethod
    async def open(
        cls,
        redis_url: str,
        data_dir: Path,
        *,
        scripted: bool = False,
        virtual: bool = False,
        tls: ssl.SSLContext | None = None,
        pacer: Pacer | None = None,
        origin_rate: int = 0,
    ) -> Hooks:
        settings = Settings(
            redis_url=redis_url,
            data_dir=data_dir,
            max_webhook_endpoints=100_000,
            webhook_origin_rate=origin_rate,
        )
        redis = connect(settings)
        scripts = (ClockedScripts if virtual else Scripts)(redis, settings)
        box = CredentialsBox([SECRET_KEY])
        endpoints, deliveries = Endpoints(redis, scripts, box), Deliveries(redis, scripts)
        queue, outbox = DeliveryQueue(redis, scripts), Outbox(redis)
        sender: Any = ScriptedSender() if scripted else Sender(Destinations(LOOPBACK), tls)
        pacer = pacer or Pacer()
        registry = CollectorRegistry()
        deliverer = Deliverer(queue, sender, box, pacer, chance=lambda: 0.5, metrics=WebhookMetrics(registry))
        directory = Directory(redis, endpoints)
        dispatcher = Dispatcher(outbox, directory, endpoints, deliveries, pacer, deliverer.ring)
        store = JobStore(redis, scripts, open_artifacts(settings, scripts))
        hooks = cls(
            redis,
            scripts,
            store,
            endpoints,
            deliveries,
            queue,
            pacer,
            dispatcher,
            deliverer,
            sender,
            outbox,
            box,
            registry,
        )
        hooks._close = [redis.aclose] if scripted else [sender.close, redis.aclose]
        if virtual:
            await hooks.set_clock(START_MS)
        await outbox.join()
        return hooks

    async def close(self) -> None:
        for close in self._close:
            await close()

    async def endpoint(self, url: str = "https://example.test/hook", **config: Any) -> Endpoint:
        """Makes an endpoint that wants every event."""
        config.setdefault("event_types", ("*",))
        return await self.endpoints.create(TENANT, EndpointConfig(url=url, **config), Credentials.fresh())

    def secret(self, endpoint: Endpoint) -> str:
        return self.endpoints.credentials(endpoint).secrets[0].text

    async def event(self, *, tenant: str = TENANT, **fields: Any) -> Job:
        """Submits a job, which writes a `job.queued` event."""
        submission = Submission(
            job_id=new_job_id(), tenant=tenant, kind=fields.pop("kind", "test"), spec=b"{}", **fields
        )
        return (await self.store.submit(submission)).job

    async def events(self, count: int) -> None:
        """Submits `count` jobs, and dispatches their events."""
        for _ in range(count):
            await self.event()
        await self.dispatch()

    async def dispatch(self) -> None:
        """Dispatches until the outbox is empty."""
        while await self.redis.xlen(keys.OUTBOX):
            await self.dispatcher.dispatch_new()

    async def deliveries_to(self, target: Endpoint | str) -> list[Delivery]:
        """Returns all deliveries to a target, oldest first."""
        target_id = target if isinstance(target, str) else target.id
        found, _ = await self.deliveries.page(TENANT, target_id, limit=1000)
        return found[::-1]

    async def logged(self, event_type: str) -> list[dict[str, Any]]:
        """Returns the data of the events of a type in the tenant's log, oldest first."""
        page = await EventLog(self.redis).page(TENANT, None, 1000)
        events = [json.loads(body) for body in page.bodies]
        return [event["data"] for event in events if event["type"] == event_type]

    async def claim_one(self) -> DeliveryClaim:
        (claim,) = (await self.queue.claim(1, 1000)).claims
        return claim

    async def work(self) -> None:
        """Sends everything that may be sent now."""
        self.deliverer.looked.watch()
        while True:
            await self.deliverer.step()
            _, batch = await self.deliverer.looked.next()
            await self.deliverer.settled()
            if not batch.claims and batch.next_due_ms != 0:  # 0 also while late ones rest
                return

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs a notifier, and kills it at the end."""
        tasks = [asyncio.create_task(self.dispatcher.run()), asyncio.create_task(self.deliverer.run())]
        try:
            yield
        finally:
            self.dispatcher.stop()
            await self.deliverer.drain(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.deliverer.drain(0)

    # --- the virtual clock ------------------------------------------------------------------------

    async def set_clock(self, now_ms: int) -> None:
        self.now_ms = now_ms
        await self.redis.mset({"test:seconds": now_ms // 1000, "test:micros": now_ms % 1000 * 1000})

    async def pass_time(self, ms: float) -> None:
        await self.set_clock(round(self.now_ms + ms))
