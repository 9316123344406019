"""Makes webhook endpoints, changes and deletes them, and receives what is sent to them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import Mapping

from aiohttp import web

from tests.chaos.load.client import Client
from tests.chaos.observations import Delivered, EndpointAsked, EventSeen, Recorder, seconds

_LASTING = (("job.*", "batch.completed"), ()), (("job.succeeded", "job.failed", "job.cancelled"), ("red",))
"""Event types and tags of the endpoints that stay for the whole run."""


def secret_of(path: str, number: int) -> str:
    """Returns secret `number` of the endpoint with this path, as it is registered."""
    return "whsec_" + base64.b64encode(hashlib.sha256(f"{path} {number}".encode()).digest()).decode()


class Secrets:
    """The secrets with which requests to a path may be signed, by number."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()
        self.of_tenants: dict[str, str] = {}
        """Those that sign requests to a `webhook_url`: `/url/{tenant}/…`."""

    def next(self, path: str) -> tuple[int, str]:
        """Returns a new secret and its number, from 0."""
        number = self._given[path]
        self._given[path] += 1
        return number, secret_of(path, number)

    def of(self, path: str) -> Mapping[int, str]:
        if path.startswith("/url/"):
            secret = self.of_tenants.get(path.split("/")[2])
            return {} if secret is None else {0: secret}
        return {number: secret_of(path, number) for number in range(self._given[path])}


class Endpoints:
    """The webhook endpoints of a tenant."""

    def __init__(self, client: Client, secrets: Secrets, rng: random.Random, receiver_port: int) -> None:
        self.lasting: list[str] = []
        """Ids of the endpoints that stay."""
        self._client = client
        self._secrets = secrets
        self._rng = rng
        self._receiver = f"http://127.0.0.1:{receiver_port}"
        self._count = 0

    async def run(self, until: asyncio.Event) -> None:
        """Makes the endpoints that stay, then others that come and go."""
        while self._client.tenant not in self._secrets.of_tenants:
            answer = await self._client.ask("GET", "/v1/webhook-secret")
            if answer.status == 200:
                self._secrets.of_tenants[self._client.tenant] = answer.json["secret"]
        made = [await self._create(types, tags, until) for types, tags in _LASTING]
        lasting = [endpoint for endpoint in made if endpoint]
        self.lasting = [endpoint_id for endpoint_id, _ in lasting]
        while passing := await self._create(("job.*",), (), until):
            await _pause(self._rng.uniform(2, 10), until)
            await self._rotate(*self._rng.choice([*lasting, passing]))
            await _pause(self._rng.uniform(2, 10), until)
            await self._delete(*passing)

    async def _create(
        self, event_types: tuple[str, ...], tags: tuple[str, ...], until: asyncio.Event
    ) -> tuple[str, str] | None:
        """Tries until the event is set. Returns id and path; None if no try succeeded.

        Each try has a path of its own, because the one before may have succeeded.
        """
        while not until.is_set():
            self._count += 1
            path = f"/endpoint/{self._client.tenant}/{self._count}"
            number, secret = self._secrets.next(path)
            members = {"event_types": list(event_types), "tags": list(tags), "secret": secret}
            answer = await self._client.ask(
                "POST", "/v1/webhook-endpoints", json={"url": self._receiver + path, **members}
            )
            is_made = answer.status == 201
            self._client.note(
                EndpointAsked,
                answer,
                action="create",
                path=path,
                endpoint_id=answer.json["id"] if is_made else None,
                secret=number,
                event_types=event_types,
                tags=tags,
                created_at=seconds(answer.json["created_at"]) if is_made else None,
            )
            if is_made:
                return answer.json["id"], path
            await _pause(self._rng.uniform(0.5, 2), until)
        return None

    async def _rotate(self, endpoint_id: str, path: str) -> None:
        number, secret = self._secrets.next(path)
        grace = self._rng.choice([5, 3600])
        answer = await self._client.ask(
            "POST",
            f"/v1/webhook-endpoints/{endpoint_id}/secret/rotate",
            json={"secret": secret, "grace_seconds": grace},
        )
        members = {"endpoint_id": endpoint_id, "secret": number, "grace_seconds": grace}
        self._client.note(EndpointAsked, answer, action="rotate", path=path, **members)

    async def _delete(self, endpoint_id: str, path: str) -> None:
        answer = await self._client.ask("DELETE", f"/v1/webhook-endpoints/{endpoint_id}")
        self._client.note(EndpointAsked, answer, action="delete", path=path, endpoint_id=endpoint_id)


SLOW_PATH = "/slow/"
_IMAGE = "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>"


class Receiver:
    """Receives webhooks. While the faults last it fails now and then, at most once for an event."""

    def __init__(self, secrets: Secrets, recorder: Recorder, rng: random.Random, calm: asyncio.Event) -> None:
        self._secrets = secrets
        self._recorder = recorder
        self._rng = rng
        self._calm = calm
        self._seen: set[tuple[str, str]] = set()

    async def serve(self, port: int) -> web.AppRunner:
        """Returns when it listens. The caller calls `cleanup` of what it returns."""
        app = web.Application()
        app.router.add_post("/{path:.*}", self._receive)
        app.router.add_get(SLOW_PATH + "{word}", self._show_slowly)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    async def _show_slowly(self, request: web.Request) -> web.Response:
        """An image in a document, which waits for it."""
        await asyncio.sleep(self._rng.uniform(1, 3))
        return web.Response(text=_IMAGE, content_type="image/svg+xml")

    async def _receive(self, request: web.Request) -> web.Response:
        body, path, headers = await request.read(), request.path, request.headers
        webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        signatures = headers.get("webhook-signature", "").split()
        signed_by = tuple(
            number
            for number, secret in self._secrets.of(path).items()
            if _signature(secret, webhook_id, timestamp, body) in signatures
        )
        age_seconds = time.time() - int(timestamp) if timestamp.isdecimal() else float("inf")
        status, more = await self._choose(path, webhook_id)
        self._recorder.note(
            Delivered,
            path=path,
            webhook_id=webhook_id,
            age_seconds=age_seconds,
            signatures=len(signatures),
            signed_by=signed_by,
            answered=status,
            event=EventSeen.of("", json.loads(body)),
        )
        return web.Response(status=status, headers=more)

    async def _choose(self, path: str, webhook_id: str) -> tuple[int, dict[str, str]]:
        is_first = (path, webhook_id) not in self._seen
        self._seen.add((path, webhook_id))
        if self._calm.is_set() or not is_first:
            return 204, {}
        chance = self._rng.random()
        if chance < 0.03:
            return 500, {}
        if chance < 0.05:
            return 429, {"Retry-After": "1"}
        if chance < 0.10:
            await asyncio.sleep(self._rng.uniform(0.1, 3))
        return 200, {}


def _signature(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Standard Webhooks 1.0.0, symmetric signatures."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


async def _pause(at_most_s: float, until: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(at_most_s):
            await until.wait()
    except TimeoutError:
        pass
