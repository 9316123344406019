"""The console, `/docs` and the machine-readable contracts: open to everybody, fixed at start."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api.contract.asyncapi import asyncapi_document
from api.contract.docs_page import docs_page
from api.contract.openapi import openapi_document
from api.http.asset import asset, asset_routes
from api.http.operation import Operation
from api.services import Services
from jobs.core.settings import Settings

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_SEALED = {"referrer-policy": "no-referrer", "cross-origin-opener-policy": "same-origin"}
_FOR_ANY_PAGE = {"access-control-allow-origin": "*"}


class PageRoutes:
    def __init__(self, services: Services, operations: Sequence[Operation]) -> None:
        contract = openapi_document(operations, services.settings, package_version(), services.kinds)
        self._openapi = to_json(contract)
        self._asyncapi = to_json(asyncapi_document(services.settings, package_version()))
        self._docs = docs_page(_template("docs.html"), contract)
        console = resources.files("api").joinpath("console", "index.html").read_bytes()
        policy = {"content-security-policy": console_policy(services.settings), **_SEALED}
        self._console = asset(console, "html", policy)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._console, name="/"),
            *asset_routes("/console", "api", "console", {"css", "js", "svg"}, {}),
            *asset_routes("/client", "notifier", "client", {"js", "ts"}, _FOR_ANY_PAGE),
            Route("/docs", self.docs, name="/docs"),
            Route("/openapi.json", self.openapi, name="/openapi.json"),
            Route("/asyncapi.json", self.asyncapi, name="/asyncapi.json"),
        ]

    async def docs(self, request: Request) -> Response:
        return _page(self._docs)

    async def openapi(self, request: Request) -> Response:
        return Response(self._openapi, media_type="application/json")

    async def asyncapi(self, request: Request) -> Response:
        return Response(self._asyncapi, media_type="application/json")


def console_policy(settings: Settings) -> str:
    """Returns the Content-Security-Policy of the console.

    It may run its own scripts, connect to this server, and show PDFs and images that it fetched.
    """
    own, push = urlsplit(settings.base_url), urlsplit(settings.ws_url)
    sockets = {f"{own.scheme.replace('http', 'ws')}://{own.netloc}", f"{push.scheme}://{push.netloc}"}
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob:",
        "connect-src": " ".join(["'self'", *sorted(sockets)]),
        "frame-src": "blob:",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


def _page(html: str) -> Response:
    """Returns a page that may load and run nothing, and uses only its own `<style>`."""
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


def package_version() -> str:
    """Returns the version of the installed distribution, or 0 if there is none."""
    try:
        return version("pressrun")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
