"""`/`, `/docs` and `/openapi.json`: what is open to all and never changes while the process runs."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources
from importlib.metadata import PackageNotFoundError, version

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api.docs_page import docs_page
from api.openapi import openapi_document
from api.services import Services

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


class PageRoutes:
    def __init__(self, services: Services) -> None:
        contract = openapi_document(services.settings, _version(), services.kinds.keys())
        self._contract = to_json(contract)
        self._docs = docs_page(_template("docs.html"), contract)
        self._home = _template("home.html").replace("{base_url}", services.settings.base_url)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self.home, name="/"),
            Route("/docs", self.docs, name="/docs"),
            Route("/openapi.json", self.contract, name="/openapi.json"),
        ]

    async def home(self, request: Request) -> Response:
        return _page(self._home)

    async def docs(self, request: Request) -> Response:
        return _page(self._docs)

    async def contract(self, request: Request) -> Response:
        return Response(self._contract, media_type="application/json")


def _page(html: str) -> Response:
    """A page that may load nothing and run nothing; only its own style counts."""
    style = _STYLE.search(html)
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() if style else ""
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
    headers = {
        "content-security-policy": policy + "frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return Response(html, headers=headers, media_type="text/html")


def _template(name: str) -> str:
    return resources.files("api").joinpath("pages", name).read_text("utf-8")


def _version() -> str:
    try:
        return version("pressrun")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
