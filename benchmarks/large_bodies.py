"""Measures the memory of one web process while many large submissions come at the same time, and
what an unfinished header of 100 MB costs it."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

import aiohttp

from benchmarks.harness import deployed, print_target, run, summary
from benchmarks.load import get, offered
from testsupport.deployment import Deployment
from testsupport.raw_client import RawClient

AT_ONCE = 20
BODY_BYTES = 40 * 1024**2
ENDLESS_BYTES = 100_000_000
_PICTURE = "A" * BODY_BYTES
_HTML = f"<img src='data:image/png;base64,{_PICTURE}'>"


def _memory_mb(pid: int, which: str) -> float:
    (kibibytes,) = re.findall(rf"{which}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kibibytes) / 1024


def _processor_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _multipart() -> tuple[bytes, str]:
    parts = (
        b'--b\r\ncontent-disposition: form-data; name="d"; filename="index.html"\r\n\r\n<img src=a.png>\r\n'
        b'--b\r\ncontent-disposition: form-data; name="f"; filename="a.png"\r\n\r\n'
    )
    return parts + _PICTURE.encode() + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"


async def _submit(deployment: Deployment, path: str, body: bytes, content_type: str) -> int:
    timeout = aiohttp.ClientTimeout(total=300)
    headers = {"content-type": content_type}
    async with deployment.http.post(
        f"{deployment.url}{path}", data=body, headers=headers, timeout=timeout
    ) as answer:
        await answer.read()
        return answer.status


async def large_bodies() -> None:
    bodies = {
        "JSON": (
            "/v1/jobs",
            json.dumps({"kind": "pdf.render", "input": {"html": _HTML}}).encode(),
            "application/json",
        ),
        "HTML": ("/v1/pdf", _HTML.encode(), "text/html"),
        "multipart": ("/v1/pdf", *_multipart()),
    }
    peak = 0.0
    for name, body in bodies.items():
        async with deployed(("api",)) as deployment:
            pid = deployment.processes[0][1].pid
            before = _memory_mb(pid, "VmRSS")
            sending = asyncio.gather(*(_submit(deployment, *body) for _ in range(AT_ONCE)))
            latencies, _ = await offered(deployment.port, get(deployment.port, "/healthz"), 20, 5, 2)
            statuses = await sending
            peak = max(peak, _memory_mb(pid, "VmHWM"))
            print(
                f"{name}: {AT_ONCE} × {BODY_BYTES >> 20} MiB: {before:.0f} MB before, at most "
                f"{_memory_mb(pid, 'VmHWM'):.0f} MB, {_memory_mb(pid, 'VmRSS'):.0f} MB after; "
                f"statuses {sorted(set(statuses))}; /healthz meanwhile: {summary(latencies)}, "
                f"at most {max(latencies) * 1000:.0f} ms"
            )
    print_target("memory of web", peak, 600, at_most=True, unit=" MB")


async def endless_header() -> None:
    async with deployed(("api",)) as deployment:
        pid = deployment.processes[0][1].pid
        before, piece = _processor_ms(pid), b"a" * 100_000
        async with RawClient.connected(deployment.port) as client:
            await client.say(b"GET / HTTP/1.1\r\nx: ")
            for _ in range(ENDLESS_BYTES // len(piece)):
                await client.say(piece)
            print(
                f"answer to an unfinished header of {ENDLESS_BYTES} bytes: {(await client.answer()).status}"
            )
        cost = _processor_ms(pid) - before
    print_target("processor time of an unfinished header", cost, 50, at_most=True, unit=" ms")


async def main() -> None:
    await large_bodies()
    await endless_header()


if __name__ == "__main__":
    run(main())
