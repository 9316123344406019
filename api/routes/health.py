"""`/healthz`, `/readyz`, `/metrics`: for load balancers, orchestrators and Prometheus."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Authenticator
from api.contract.responses.health import HealthDocument, ReadinessDocument
from api.http.json_responses import NO_STORE, JsonReply, json_reply
from api.http.operation import Answer, operation
from api.services import Services
from jobs.core.errors.request import Forbidden, Unauthenticated
from jobs.core.errors.store import StoreUnavailable

METRICS_MEDIA_TYPES = ("text/plain", "application/openmetrics-text")


@dataclass(frozen=True)
class HealthRoutes:
    """These operations ignore the query: monitoring programs may add parameters of their own."""

    services: Services
    auth: Authenticator

    @operation("GET /healthz", {200: Answer("It answers.", HealthDocument)}, guard="open", ignores_query=True)
    async def liveness(self) -> Response:
        """Whether this process answers."""
        # Touches nothing else: a store that is away is no reason to restart this process.
        return JsonReply(b'{"status":"ok"}')

    @operation(
        "GET /readyz",
        {
            200: Answer("It can serve.", ReadinessDocument),
            503: Answer("The store is away, or the process is shutting down.", ReadinessDocument),
        },
        guard="open",
        ignores_query=True,
    )
    async def readiness(self, request: Request) -> Response:
        """Whether this process can serve."""
        # With an operator key, the answer also says why and how well.
        report = await self.services.readiness.report(is_draining=self.services.waiters.closed)
        document = {"status": "ready" if report.is_ready else "unavailable"}
        if self._is_operator(request):
            document |= report.details
        if report.is_ready:
            return json_reply(document)
        retry_after = (b"retry-after", str(StoreUnavailable.retry_after).encode())
        return json_reply(document, 503, (NO_STORE, retry_after))

    @operation(
        "GET /metrics",
        {200: Answer("The text format of Prometheus, or OpenMetrics.", media_types=METRICS_MEDIA_TYPES)},
        guard="operator",
        ignores_query=True,
    )
    async def metrics(self, request: Request) -> Response:
        """Metrics of this process, and of queue, store and artifacts; with an operator key.

        With `Accept: application/openmetrics-text` they have exemplars.
        """
        page = await self.services.scrape.page(request.headers.get("accept", ""))
        return Response(page.body, headers={"content-type": page.content_type})

    def _is_operator(self, request: Request) -> bool:
        try:
            self.auth.by_operator(request.scope)
        except (Unauthenticated, Forbidden):
            return False
        return True
