"""The console, `/docs` and the machine-readable contracts: open to everybody, fixed at start."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from urllib.parse import urlsplit

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.contract.asyncapi import asyncapi_document
from api.contract.docs_page import docs_page
from api.contract.openapi import openapi_document
from api.http.asset import asset, asset_routes
from api.http.operation import Operation
from api.services import Services
from jobs.core.settings import Settings
from jobs.process.release import package_version

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_SEALED = {"referrer-policy": "no-referrer", "cross-origin-opener-policy": "same-origin"}
_FOR_ANY_PAGE = {"access-control-allow-origin": "*"}


def page_routes(services: Services, operations: Sequence[Operation]) -> Iterator[Route]:
    settings, version = services.settings, package_version()
    pages = resources.files("api")
    contract = openapi_document(operations, settings, version, services.kinds)
    policy = {"content-security-policy": console_policy(settings), **_SEALED}
    console = asset(pages.joinpath("console", "index.html").read_bytes(), "html", policy)
    docs = docs_page(pages.joinpath("pages", "docs.html").read_text("utf-8"), contract)
    yield Route("/", console, name="/")
    yield from asset_routes("/console", "api", "console", {"css", "js", "svg"}, {})
    yield from asset_routes("/client", "notifier", "client", {"js", "ts"}, _FOR_ANY_PAGE)
    yield _fixed("/docs", docs.encode(), "text/html", _docs_headers(docs))
    yield _fixed("/openapi.json", to_json(contract), "application/json")
    yield _fixed("/asyncapi.json", to_json(asyncapi_document(settings, version)), "application/json")


def _fixed(path: str, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Route:
    async def reply(request: Request) -> Response:
        return Response(body, headers=headers, media_type=media_type)

    return Route(path, reply, name=path)


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


def _docs_headers(html: str) -> dict[str, str]:
    """Returns headers by which a page may load and run nothing, and uses only its own `<style>`."""
    style = _STYLE.search(html)
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() if style else ""
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
    return {
        "content-security-policy": policy + "frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
