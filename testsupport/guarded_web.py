"""A web server on loopback that answers as tests say, and keeps the headers of each request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Page:
    body: bytes = b"<title>Found</title><p>Found"
    content_type: str = "text/html"
    status: int = 200
    headers: Headers = field(default_factory=dict)

    def __call__(self, _: Headers) -> Page:
        return self


def redirect(url: str) -> Page:
    return Page(b"", status=302, headers={"Location": url})


def guarded(name: str, value: str, page: Page = Page(), refusal: int = 401) -> Callable[[Headers], Page]:
    """Gives the page to requests with this header, whose name is in lower case."""
    return lambda headers: page if headers.get(name) == value else Page(b"No.", status=refusal)


class GuardedWeb:
    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.pages: dict[str, Callable[[Headers], Page]] = {}
        """What is at each path. Called with the headers of the request."""
        self.requests: list[tuple[str, Headers]] = []
        """Paths, and headers by names in lower case."""

    def url(self, path: str) -> str:
        return self.origin + path

    def headers_of(self, path: str) -> list[Headers]:
        return [headers for asked, headers in self.requests if asked == path]


@contextmanager
def guarded_web() -> Iterator[GuardedWeb]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    web = GuardedWeb(server.server_address[1])
    server.web = web  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        web: GuardedWeb = self.server.web  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        web.requests.append((self.path, headers))
        page = web.pages.get(self.path, Page(b"Nothing here.", status=404))(headers)
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:
        pass
