"""Runs checks of templates, schemas, data and fonts: `python -m jobs.checks.check_child`.

It reads frames from standard input and answers on standard output. A check that uses too much
processor time ends the process, by a signal that no code in it can delay.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from jobs.render.child.confine import confine, limit_growth, limit_resources
from jobs.render.protocol import wire

_READ_BYTES = 256 * 1024
_MAX_REQUEST_BYTES = 1024**3
"""Far above the limits of the web process, which is trusted."""


def main() -> None:
    # Text that a check prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(document: dict[str, Any], body: bytes = b"") -> None:
        answers.writelines(wire.encode(document, body))
        answers.flush()

    frames = _frames()
    configuration = next(frames).header
    limit_resources(parent_pid=configuration["parent_pid"], memory_bytes=configuration["memory_bytes"])
    from jobs.templates import checks

    limit_growth(configuration["memory_bytes"])
    confine(configuration["isolation"], scratch=None, fonts=False, network=False)
    answer({"ready": True})
    for frame in frames:
        signal.setitimer(signal.ITIMER_PROF, frame.header["cpu_seconds"])
        if frame.header["what"] == "font":
            found, font = _examine(frame.body)
        else:
            found, font = {"flaws": _check(checks, frame, lambda: answer({"misfit": True}))}, b""
        signal.setitimer(signal.ITIMER_PROF, 0)
        answer(found, font)


def _check(checks: Any, frame: wire.Frame, on_misfit: Callable[[], None]) -> list[dict[str, str]]:
    pointer = frame.header["pointer"]
    match frame.header["what"]:
        case "html":
            flaws: list[dict[str, str]] = checks.flaws_of_html(frame.body.decode(), pointer)
        case "schema":
            flaws = checks.flaws_of_schema(json.loads(frame.body), pointer)
        case _:
            schema, data = json.loads(frame.body)
            flaws = list(checks.flaws_of_data(schema, data, pointer, on_misfit))
    return flaws


def _examine(content: bytes) -> tuple[dict[str, Any], bytes]:
    # Most children check no font.
    from jobs.fonts.font_check import FontFlaw, examined

    try:
        facts, font = examined(content)
    except FontFlaw as flaw:
        return {"flaws": [{"pointer": "", "message": str(flaw)}]}, b""
    return {"flaws": [], "facts": facts.model_dump()}, font


def _frames() -> Iterator[wire.Frame]:
    decoder = wire.FrameDecoder(max_header_bytes=_MAX_REQUEST_BYTES, max_body_bytes=_MAX_REQUEST_BYTES)
    while data := os.read(0, _READ_BYTES):
        yield from decoder.feed(data)
    sys.exit(0)


if __name__ == "__main__":
    main()
