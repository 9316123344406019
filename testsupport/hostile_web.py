"""A web server on loopback with good, slow and hostile pages."""

from __future__ import annotations

import gzip
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc000000301010018dd8db00000000049454e44ae426082"
)
CSS = b"p { color: red }"


class HostileWeb:
    """The server, and the requests it got: (host header, path, user agent)."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self._scheme = scheme
        self.requests: list[tuple[str, str, str]] = []
        self.release = threading.Event()
        """When it is set, the slow pages end."""
        self.dropped = threading.Event()
        """Set when a client has closed the connection of a page that never ends."""

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]


@contextmanager
def hostile_web(tls: ssl.SSLContext | None = None) -> Iterator[HostileWeb]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    web = HostileWeb(server.server_address[1], "http" if tls is None else "https")
    server.web = web  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        web.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        web: HostileWeb = self.server.web  # type: ignore[attr-defined]
        web.requests.append((self.headers["Host"], self.path, self.headers["User-Agent"]))
        path, _, query = self.path.partition("?")
        match path:
            case "/pixel.png":
                self._send(200, "image/png", PNG)
            case "/style.css":
                self._send(200, "text/css; charset=utf-8", CSS)
            case "/page.html":
                self._send(
                    200, "text/html; charset=iso-8859-1", "<p>Gr\xfcn <img src=pixel.png>".encode("latin-1")
                )
            case "/gzip.css":
                self._send(200, "text/css", gzip.compress(CSS), encoding="gzip")
            case "/deflate.css":
                self._send(200, "text/css", zlib.compress(CSS), encoding="deflate")
            case "/raw-deflate.css":
                self._send(200, "text/css", zlib.compress(CSS, wbits=-15), encoding="deflate")
            case "/bomb.css":
                self._send(200, "text/css", gzip.compress(bytes(50_000_000)), encoding="gzip")
            case "/broken.css":
                self._send(200, "text/css", b"not gzip at all", encoding="gzip")
            case "/redirect":
                self._send(302, "text/plain", b"", location=query)
            case "/loop":
                self._send(302, "text/plain", b"", location="/loop")
            case "/chain.css":
                self._send(200, "text/css", f"@import '/chain.css?{int(query or 0) + 1}';".encode())
            case "/big":
                self._send(200, "image/png", bytes(int(query)))
            case "/drip":
                self._drip(web)
            case "/endless":
                self._send_endlessly(web)
            case "/long-headers":
                folded = ("\r\n " + "x" * 60_000) * 40
                self._send(200, f"image/png;{folded}", PNG)
            case "/long-redirect":
                self._send(302, "text/plain", b"", location=f"/pixel.png#{'x' * 60_000}")
            case "/long-status":
                self.wfile.write(b"x" * 60_000 + b"\r\n\r\n")
            case "/hang":
                web.release.wait(30)
            case _:
                self._send(404, "text/plain", b"nothing here")

    def _send(
        self, status: int, content_type: str, body: bytes, *, encoding: str = "", location: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, web: HostileWeb) -> None:
        """Sends one byte at a time, so that no single wait is long."""
        self.send_response(200)
        self.send_header("Content-Type", "text/css")
        self.end_headers()
        try:
            while not web.release.wait(0.02):
                self.wfile.write(b" ")
        except OSError:
            web.dropped.set()

    def _send_endlessly(self, web: HostileWeb) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        try:
            while not web.release.is_set():
                self.wfile.write(bytes(65536))
        except OSError:
            web.dropped.set()

    def log_message(self, format: str, *args: object) -> None:
        pass
