"""A child process that an attacker has taken over: `python -m testsupport.attacker render`.

It is the real child, confined by its own code. A render child is forked by the real fork server.
But instead of the work that it gets, it does what the work says: the attempts of
`testsupport.attacks`, or one of the behaviours below. The argument is ``render``, ``check`` or
``fetch``.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import json
import mmap
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from testsupport.attacks import ATTEMPTS, Targets


def obey(order: str) -> dict[str, str]:
    """Does what an order says; returns "gained: …" or "refused: …" for each attempt."""
    orders = json.loads(order)
    if "behaviour" in orders:
        BEHAVIOURS[orders["behaviour"]]()
        return {"pid": str(os.getpid())}
    targets = Targets(**orders["targets"])
    return {name: outcome(name, targets) for name in orders["attempts"]}


def outcome(name: str, targets: Targets) -> str:
    try:
        gained = ATTEMPTS[name](targets)
    except OSError as error:
        return f"refused: {errno.errorcode.get(error.errno or 0, error)}"
    except Exception as error:  # noqa: BLE001 (a fault of the attempt must not look like a refusal)
        return f"broken: {error!r}"
    return f"gained: {gained!r}"[:200]


def start_threads() -> None:
    threading.stack_size(32 * 1024)
    for _ in range(10_000):
        threading.Thread(target=threading.Event().wait, daemon=True).start()


def start_threads_on_a_signal() -> None:
    """So that the test can have it done when the child is idle."""
    signal.signal(signal.SIGUSR1, lambda *_: start_threads())


def fill_the_disk() -> None:
    for number in itertools.count():
        with open(f"{tempfile.gettempdir()}/{number}", "wb") as file:
            for _ in range(64):
                file.write(os.urandom(2**20))


def make_many_files() -> None:
    for number in itertools.count():
        open(f"{tempfile.gettempdir()}/{number}", "wb").close()


def make_a_call_of_another_architecture() -> None:
    """Calls getpid in the way of 32-bit programs (`mov eax, 20; int 0x80; ret`)."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()


BEHAVIOURS: dict[str, Callable[[], None]] = {
    function.__name__: function
    for function in (
        start_threads,
        start_threads_on_a_signal,
        fill_the_disk,
        make_many_files,
        make_a_call_of_another_architecture,
    )
}


def render() -> None:
    from jobs.render.child import fork_server, tasks

    def perform(self: tasks.Tasks, request: dict[str, Any], body: bytes, emit: object) -> tasks.Measured:
        found = json.dumps(obey(body.decode())).encode()
        product = tasks.Product(body=b"%PDF-" + found, content_type="application/pdf", pages=1, warnings=[])
        return tasks.Measured(product, 1, 1)

    tasks.Tasks.perform = perform  # type: ignore[method-assign]
    fork_server.main()


def check() -> None:
    from jobs.checks import check_child
    from jobs.templates import checks

    def flaws_of_html(html: str, pointer: str) -> list[dict[str, str]]:
        return [{"pointer": name, "message": text} for name, text in obey(html).items()]

    checks.flaws_of_html = flaws_of_html
    check_child.main()


def fetch() -> None:
    from urllib.parse import unquote

    from jobs.render.fetch import document_fetches, main

    async def fetch(
        self: document_fetches.DocumentFetches, url: str, credentials: object = None
    ) -> document_fetches.Asset:
        return document_fetches.Asset(url, "application/json", json.dumps(obey(unquote(url))).encode())

    document_fetches.DocumentFetches.fetch = fetch  # type: ignore[method-assign]
    main.main()


if __name__ == "__main__":
    {"render": render, "check": check, "fetch": fetch}[sys.argv[1]]()
