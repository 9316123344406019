"""Static files that ship with the server: the console and the JavaScript client."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterator
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.http.headers import etags

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "ts": "text/plain; charset=utf-8",
}

Headers = dict[str, str]


def asset(body: bytes, extension: str, headers: Headers) -> Callable[[Request], Awaitable[Response]]:
    """Returns a handler that serves a file from memory.

    The name of a file is the same in every release, so caches have to revalidate it.
    """
    etag = etags.strong(hashlib.sha256(body).hexdigest()[:32])
    kept = {
        "cache-control": "no-cache",
        "etag": etag,
        "x-content-type-options": "nosniff",
        **headers,
    }

    async def reply(request: Request) -> Response:
        if etags.matches(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=kept)
        return Response(body, headers={"content-type": _MEDIA_TYPES[extension], **kept})

    return reply


def asset_routes(
    path: str, package: str, directory: str, extensions: Collection[str], headers: Headers
) -> Iterator[Route]:
    """Yields the route `path/name` of each file with one of `extensions` in a directory.

    Files in folders below that directory are left out.
    """
    for file in sorted(resources.files(package).joinpath(directory).iterdir(), key=lambda file: file.name):
        extension = file.name.rpartition(".")[2]
        if file.is_file() and extension in extensions:
            name = f"{path}/{file.name}"
            yield Route(name, asset(file.read_bytes(), extension, headers), name=name)
