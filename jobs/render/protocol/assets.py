"""The messages between a worker and its fetch process.

The worker sends `fetch`, `more` and `end`, each with the number of a document. A `fetch` has the
credentials of the document, as headers by origin; they are forgotten when it is answered. The fetch
process answers each `fetch` and each `more` with `Fetched` or `NotFetched`. It reads what any web
server may send, so `parse_fetch_answer` checks its answers as `messages.parse_answer` does.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from jobs.render.protocol.limits import MAX_RETRY_AFTER_S, MAX_TEXT_CHARACTERS
from jobs.render.protocol.messages import CheckedMessage, FetchCode, parsed
from jobs.render.protocol.wire import Frame

MAX_FETCH_HEADER_BYTES = 512 * 1024
"""Room for a URL and a content type of 64 KiB each, which is the most that a server can send."""


class Fetched(CheckedMessage):
    """An asset, or a further piece of it, in the body of the frame."""

    type: Literal["fetched"]
    document: Annotated[int, Field(ge=1)]
    url: Annotated[str, Field(max_length=100_000)]
    """Where the asset was found, after all redirects."""
    content_type: Annotated[str, Field(max_length=1000)]
    bytes_left: Annotated[int, Field(ge=0, le=2**31)]
    """How much of the asset is still to be asked for."""


class NotFetched(CheckedMessage):
    """An asset that is missing, and why."""

    type: Literal["not_fetched"]
    document: Annotated[int, Field(ge=1)]
    code: FetchCode
    message: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
    """For the owner of the document."""
    is_final: bool = False
    """The document gets nothing more, for the same reason."""
    detail: Annotated[str | None, Field(max_length=MAX_TEXT_CHARACTERS)] = None
    """For the log of the worker."""
    status: Annotated[int | None, Field(ge=0, le=999)] = None
    """The HTTP status with which the server has answered."""
    retry_after_s: Annotated[int | None, Field(ge=0, le=MAX_RETRY_AFTER_S)] = None
    """How long the server has asked to wait."""


FetchAnswer = Fetched | NotFetched

_ANSWERS: TypeAdapter[FetchAnswer] = TypeAdapter(Annotated[FetchAnswer, Field(discriminator="type")])


def parse_fetch_answer(frame: Frame) -> FetchAnswer:
    """Returns the answer in a frame from a fetch process.

    Raises:
        BadFrame: it is none of the answers above.
    """
    return parsed(_ANSWERS, frame)
