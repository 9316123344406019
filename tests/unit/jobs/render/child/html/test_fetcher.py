"""The fetcher of a document in a render child; the tests answer as the worker."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.core.egress import MAX_URL_CHARACTERS
from jobs.render.child.html.fetcher import FILES_URL, DocumentFetcher, FetchFailed, ask_nobody
from jobs.render.protocol.wire import Frame

URL = "https://a.example/x.css"


class Worker:
    """Gives `answers` in turn, and keeps what it was asked."""

    def __init__(self, *answers: Frame) -> None:
        self.answers = list(answers)
        self.questions: list[dict[str, Any]] = []

    def __call__(self, question: dict[str, Any]) -> Frame:
        self.questions.append(question)
        return self.answers.pop(0)


def piece(body: bytes, bytes_left: int = 0) -> Frame:
    header = {"url": "https://b.example/y.css", "content_type": "text/css; charset=latin-1"}
    return Frame({"type": "fetched", **header, "bytes_left": bytes_left}, body)


def missing(code: str, message: str, *, is_final: bool = False) -> Frame:
    header = {"code": code, "message": message, "is_final": is_final, "status": None, "retry_after_s": None}
    return Frame({"type": "not_fetched", **header}, b"")


def problem(fetcher: DocumentFetcher, url: str) -> tuple[str, str]:
    with pytest.raises(FetchFailed):
        fetcher.fetch(url)
    found = fetcher.problems[url]
    return found.code, found.message


def test_an_asset_has_its_bytes_its_type_and_its_final_url() -> None:
    worker = Worker(piece(b"p {}"))
    asset = DocumentFetcher(worker).fetch(URL)
    assert (asset.read(), asset.content_type, asset.charset) == (b"p {}", "text/css", "latin-1")
    assert asset.url == "https://b.example/y.css"
    assert worker.questions == [{"type": "asset", "url": URL}]


def test_a_large_asset_is_asked_for_piece_by_piece() -> None:
    worker = Worker(piece(b"one ", 9), piece(b"two ", 5), piece(b"three"))
    assert DocumentFetcher(worker).fetch(URL).read() == b"one two three"
    assert [question["type"] for question in worker.questions] == ["asset", "more", "more"]


def test_data_urls_and_uploaded_files_are_not_asked_for() -> None:
    fetcher = DocumentFetcher(ask_nobody, {"a b.css": b"p {}"})
    assert fetcher.fetch("data:text/css;base64,cCB7fQ==").read() == b"p {}"
    assert fetcher.fetch("DATA:,x").read() == b"x"
    own = fetcher.fetch(f"{FILES_URL}a%20b.css")
    assert (own.read(), own.content_type) == (b"p {}", "text/css")
    assert problem(fetcher, f"{FILES_URL}no.css") == (
        "unreachable",
        "No file named no.css came with the document.",
    )


def test_the_first_problem_of_a_url_is_kept() -> None:
    fetcher = DocumentFetcher(Worker(missing("unreachable", "first"), missing("fetch_limit", "second")))
    assert problem(fetcher, URL) == problem(fetcher, URL) == ("unreachable", "first")


def test_an_asset_that_stops_in_the_middle_is_a_problem() -> None:
    fetcher = DocumentFetcher(Worker(piece(b"one ", 9), missing("unreachable", "ended")))
    assert problem(fetcher, URL) == ("unreachable", "ended")


def test_after_a_final_refusal_the_worker_is_not_asked_again() -> None:
    worker = Worker(missing("fetch_limit", "enough", is_final=True))
    fetcher = DocumentFetcher(worker)
    assert problem(fetcher, URL) == problem(fetcher, f"{URL}?2") == ("fetch_limit", "enough")
    assert len(worker.questions) == 1


def test_a_url_that_is_too_long_is_sent_cut_off_but_still_too_long() -> None:
    worker = Worker(missing("asset_forbidden", "too long"))
    problem(DocumentFetcher(worker), "https://a.example/" + "x" * 100_000)
    assert len(worker.questions[0]["url"]) == MAX_URL_CHARACTERS + 1
