"""`/asyncapi.json`: the push protocol, for people and generators."""

from __future__ import annotations

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api.contract.asyncapi import asyncapi_document
from api.routes.pages import package_version
from api.services import Services


class AsyncApiRoutes:
    def __init__(self, services: Services) -> None:
        self._contract = to_json(asyncapi_document(services.settings, package_version()))

    def routes(self) -> list[BaseRoute]:
        return [Route("/asyncapi.json", self.contract, name="/asyncapi.json")]

    async def contract(self, request: Request) -> Response:
        return Response(self._contract, media_type="application/json")
