"""The worker's side of fetching, with fetch processes that a web server has taken over."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from jobs.render.parent.asset_fetcher import AssetFetcher
from jobs.render.protocol.assets import FetchAnswer, NotFetched
from jobs.render.protocol.limits import FetchLimits
from jobs.render.protocol.messages import FetchCode
from testsupport.waiting import eventually

IMPOSTOR = """
import socket, struct, time
from jobs.render.protocol import wire
worker = socket.socket(fileno=0)
def send(header, body=b""):
    worker.sendall(b"".join(wire.encode(header, body)))
decoder = wire.FrameDecoder(max_header_bytes=65536, max_body_bytes=0)
received = []
def receive(kind):
    while True:
        while received:
            if received.pop(0).header["type"] == kind:
                return
        received.extend(decoder.feed(worker.recv(65536)))
fetched = {"type": "fetched", "document": 1, "url": "u", "content_type": "t", "bytes_left": 0}
receive("fetch")
"""
URL = "http://a.example/x.png"


class Answers:
    """Waits for the answers of a fetch process."""

    def __init__(self, fetcher: AssetFetcher) -> None:
        self.fetcher = fetcher
        self._answers: asyncio.Queue[FetchAnswer] = asyncio.Queue()

    def deliver(self, answer: FetchAnswer, body: bytes) -> None:
        self._answers.put_nowait(answer)

    async def next(self) -> FetchAnswer:
        async with asyncio.timeout(30):
            return await self._answers.get()

    async def why_missing(self, document: int, url: str = URL) -> tuple[FetchCode, str]:
        self.fetcher.fetch(document, url, self.deliver)
        answer = await self.next()
        assert isinstance(answer, NotFetched)
        return answer.code, answer.message


def answers(behaviour: str, **limits: float) -> Answers:
    command = (sys.executable, "-c", IMPOSTOR + behaviour)
    return Answers(AssetFetcher(FetchLimits(**limits), command))  # type: ignore[arg-type]


ENDED = ("unreachable", f"{URL} could not be fetched: the process that fetches has ended.")


@pytest.mark.parametrize(
    "behaviour",
    [
        "raise SystemExit(1)",
        "worker.close(); time.sleep(600)",
        "worker.sendall(b'HTTP/1.1 200 OK' + bytes(100)); time.sleep(600)",
        "worker.sendall(struct.pack('!II', 2, 2**31)); time.sleep(600)",
        "send(fetched, bytes(2**21)); time.sleep(600)",
        "send(fetched | {'document': 'x'}); time.sleep(600)",
        "send(fetched | {'bytes_left': -1}); time.sleep(600)",
        "send({'type': 'not_fetched', 'document': 1, 'code': 'exec', 'message': ''}); time.sleep(600)",
    ],
)
async def test_a_process_that_dies_or_sends_nonsense_is_replaced(behaviour: str) -> None:
    asking = answers(behaviour)
    document = asking.fetcher.open()
    for _ in range(2):
        assert await asking.why_missing(document) == ENDED
    asking.fetcher.end(document)
    await asking.fetcher.close()
    assert asking.fetcher.pid is None


async def test_a_process_that_does_not_answer_is_killed() -> None:
    asking = answers("time.sleep(600)", asset_seconds=0.5, grace_seconds=0.5)
    assert await asking.why_missing(asking.fetcher.open()) == ENDED
    await asking.fetcher.close()


async def test_new_settings_of_host_names_need_a_new_process_when_no_document_is_open(tmp_path: Path) -> None:
    names = tmp_path / "resolv.conf"
    names.write_text("nameserver 192.0.2.1")
    fetcher = AssetFetcher(FetchLimits(egress_allow=("127.0.0.0/8",)), name_files=[str(names)])
    asking = Answers(fetcher)
    pids = []
    for document, text in ((1, None), (2, "nameserver 192.0.2.2"), (3, None)):
        await asking.why_missing(document, "http://127.0.0.1:1000/")
        pids.append(fetcher.pid)
        if text:
            names.write_text(text)
            await asking.why_missing(document, "http://127.0.0.1:1000/")
            assert fetcher.pid == pids[-1]
        fetcher.end(document)
    assert pids[0] == pids[1] != pids[2]
    await fetcher.close()


async def test_a_fetch_process_fetches_for_hundreds_of_documents_at_once() -> None:
    count = 400
    everybody = asyncio.Barrier(count)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await everybody.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=count)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    asking = Answers(AssetFetcher(FetchLimits(egress_allow=("127.0.0.0/8",))))
    for _ in range(count):
        asking.fetcher.fetch(asking.fetcher.open(), url, asking.deliver)
    received = [await asking.next() for _ in range(count)]
    assert not [answer for answer in received if isinstance(answer, NotFetched)]
    await asking.fetcher.close()
    server.close()


async def test_a_program_that_cannot_be_started_is_the_reason() -> None:
    asking = Answers(AssetFetcher(FetchLimits(), ("/nonexistent",)))
    assert await asking.why_missing(asking.fetcher.open()) == ENDED
    await asking.fetcher.close()


async def test_answers_for_a_document_that_has_ended_go_nowhere() -> None:
    asking = answers("receive('end'); send(fetched); send(fetched | {'document': 2}); time.sleep(600)")
    first, second = asking.fetcher.open(), asking.fetcher.open()
    asking.fetcher.fetch(first, URL, asking.deliver)
    asking.fetcher.fetch(second, URL, asking.deliver)
    asking.fetcher.end(first)
    answer = await asking.next()
    assert not isinstance(answer, NotFetched)
    assert answer.document == second
    await asking.fetcher.close()


async def test_the_rest_of_an_asset_is_missing_after_its_process_has_died() -> None:
    asking = answers("send(fetched | {'bytes_left': 5}); receive('more')")
    document = asking.fetcher.open()
    asking.fetcher.fetch(document, URL, asking.deliver)
    assert not isinstance(await asking.next(), NotFetched)
    asking.fetcher.more(document, asking.deliver)
    answer = await asking.next()
    assert isinstance(answer, NotFetched)
    assert answer.message == "The rest of an asset could not be fetched: the process that fetches has ended."
    await eventually(lambda: asking.fetcher.pid is None)
    await asking.fetcher.close()
