"""Static files that ship with the server: the console and the JavaScript client."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.http.headers import etags
from api.http.json_responses import not_modified

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "ts": "text/plain; charset=utf-8",
}

Headers = dict[str, str]


class Asset:
    """One file, held in memory. Its name is the same in every release, so caches revalidate it."""

    def __init__(self, body: bytes, extension: str, headers: Headers) -> None:
        self._body = body
        self._etag = etags.strong(hashlib.sha256(body).hexdigest()[:32])
        self._headers = {
            "content-type": _MEDIA_TYPES[extension],
            "cache-control": "no-cache",
            "etag": self._etag,
            "x-content-type-options": "nosniff",
            **headers,
        }

    async def reply(self, request: Request) -> Response:
        if etags.matches(request.headers.get("if-none-match"), self._etag):
            kept = ((name.encode(), value.encode()) for name, value in self._headers.items())
            return not_modified([(name, value) for name, value in kept if name != b"content-type"])
        return Response(self._body, headers=self._headers)


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
            yield Route(name, Asset(file.read_bytes(), extension, headers).reply, name=name)
