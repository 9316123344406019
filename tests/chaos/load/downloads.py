"""Records results: what they show, and a digest of their bytes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from pypdfium2 import PdfiumError

from tests.chaos.load import documents
from tests.chaos.load.client import Answer, Client
from tests.chaos.observations import Downloaded


def note_download(client: Client, answer: Answer, job_id: str) -> None:
    """Records the answer to a request for a result."""
    if answer.status != 200:
        client.note(Downloaded, answer, job_id=job_id)
        return
    content_type = answer.headers["content-type"]
    members = _content(answer.body, content_type)
    client.note(Downloaded, answer, job_id=job_id, content_type=content_type, **members)


@lru_cache(maxsize=512)  # a result is downloaded a few times
def _content(body: bytes, content_type: str) -> dict[str, Any]:
    members: dict[str, Any] = {"sha256": hashlib.sha256(body).hexdigest()}
    try:
        if content_type == "application/pdf":
            return {**members, "texts": documents.words_of(body)}
        return {**members, "colour": documents.colour_of(body)}
    except (PdfiumError, OSError):  # cut short, or not what it says
        return members
