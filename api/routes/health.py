"""`/healthz`, `/readyz`, `/metrics`: for load balancers, orchestrators and Prometheus."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api.access.auth import Authenticator, Caller
from api.http.endpoint import Resource
from api.http.json_responses import JsonReply, json_reply
from api.services import Services
from jobs.core.errors.request import Forbidden, Unauthenticated
from jobs.core.errors.store import StoreUnavailable


class HealthRoutes:
    def __init__(self, services: Services, auth: Authenticator) -> None:
        self._readiness = services.readiness
        self._waiters = services.waiters
        self._metrics = services.metrics
        self._auth = auth

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/healthz", self.live, name="/healthz"),
            Route("/readyz", self.ready, name="/readyz"),
            Resource("/metrics", self._auth.by_key, GET=self.metrics),
        ]

    async def live(self, request: Request) -> Response:
        """This process answers. Touches nothing else: a store that is away is no reason to restart it."""
        return JsonReply(b'{"status":"ok"}')

    async def ready(self, request: Request) -> Response:
        """200 where this process can serve, else 503; with an API key, also why and how well."""
        report = await self._readiness.report(is_draining=self._waiters.closed)
        document = {"status": "ready" if report.is_ready else "unavailable"}
        if self._is_operator(request):
            document |= report.details
        if report.is_ready:
            return json_reply(document)
        retry_after = (b"retry-after", str(StoreUnavailable.retry_after).encode())
        return json_reply(document, 503, ((b"cache-control", b"no-store"), retry_after))

    async def metrics(self, request: Request, caller: Caller) -> Response:
        return Response(self._metrics.render(), headers={"content-type": CONTENT_TYPE_LATEST})

    def _is_operator(self, request: Request) -> bool:
        try:
            self._auth.by_key(request.scope)
        except (Unauthenticated, Forbidden):
            return False
        return True
