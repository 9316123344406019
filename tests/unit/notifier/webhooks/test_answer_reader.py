from __future__ import annotations

import asyncio

import pytest

from notifier.webhooks.answer_reader import AnswerInvalid, AnswerReader

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Wire(asyncio.Transport):
    """A connection that is open until somebody closes it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
async def reader() -> AnswerReader:
    reader = AnswerReader(asyncio.get_running_loop())
    reader.connection_made(Wire())
    reader.set_response_params()
    return reader


async def test_an_answer_is_read_and_its_connection_can_be_kept(reader: AnswerReader) -> None:
    reader.data_received(OK)
    head, body = await reader.read()
    assert (head.code, await body.read(), reader.has_surplus) == (200, b"ok", False)
    assert reader.is_connected()


@pytest.mark.parametrize("size", [1, 7, 1_000])
async def test_what_follows_an_answer_is_noted_and_ends_the_connection(
    reader: AnswerReader, size: int
) -> None:
    text = b"HTTP/1.1 103 -\r\n\r\n" + OK + b"more\r\n\r\n"
    for start in range(0, len(text), size):
        reader.data_received(text[start : start + size])
    assert (await reader.read())[0].code == 103
    head, body = await reader.read()
    assert (head.code, await body.read(), reader.has_surplus) == (200, b"ok", True)
    assert not reader.is_connected()


async def test_an_answer_that_nobody_asked_for_ends_the_connection(reader: AnswerReader) -> None:
    reader.data_received(OK)
    await reader.read()
    reader.data_received(OK)
    assert not reader.is_connected()


async def test_the_reader_of_a_body_hears_of_a_bad_chunk(reader: AnswerReader) -> None:
    reader.data_received(CHUNKED + b"2\r\nok\r\nzz\r\n")
    _, body = await reader.read()
    assert not reader.has_surplus
    with pytest.raises(AnswerInvalid, match="chunk size"):
        await body.read()


async def test_an_answer_that_is_not_http_has_no_surplus(reader: AnswerReader) -> None:
    reader.data_received(b"SSH-2.0\r\n\r\nmore")
    assert reader.exception() is not None
    assert not reader.has_surplus
