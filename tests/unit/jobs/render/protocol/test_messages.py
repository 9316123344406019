from typing import Any

import pytest

from jobs.render.protocol.messages import (
    AssetAsked,
    Failed,
    FillRequest,
    Grown,
    MergePart,
    MergeRequest,
    MoreAsked,
    OfferedFont,
    PreviewRequest,
    Progressed,
    Ready,
    Rendered,
    RenderRequest,
    parse_answer,
)
from jobs.render.protocol.wire import BadFrame, Frame

RENDERED: dict[str, Any] = {
    "type": "rendered",
    "content_type": "application/pdf",
    "pages": 2,
    "render_ms": 20,
    "peak_memory_bytes": 1,
    "warnings": [],
}
PDF = b"%PDF-1.7"


@pytest.mark.parametrize(
    ("header", "body", "kind"),
    [
        (
            {"type": "ready", "engine": "WeasyPrint 70.0", "isolation": "full", "missing_isolation": []},
            b"",
            Ready,
        ),
        ({"type": "progress", "percent": 20, "stage": "layout", "page": 3}, b"", Progressed),
        ({"type": "progress", "percent": 20, "stage": "layout", "page": None}, b"", Progressed),
        (RENDERED | {"warnings": [{"code": "css_ignored", "message": "m", "url": "u"}]}, PDF, Rendered),
        (
            RENDERED | {"warnings": [{"code": "content_cut", "message": "m", "element": "<p>", "page": 2}]},
            PDF,
            Rendered,
        ),
        (RENDERED | {"content_type": "image/png"}, b"\x89PNG\r\n\x1a\n", Rendered),
        (RENDERED | {"content_type": "image/webp"}, b"RIFF\n\0\0\nWEBPVP8 ", Rendered),
        (RENDERED | {"content_type": "application/zip"}, b"PK\x03\x04", Rendered),
        ({"type": "failed", "code": "render_failed", "message": "no"}, b"", Failed),
        (
            {"type": "failed", "code": "document_unreachable", "message": "no", "retry_after_s": 60},
            b"",
            Failed,
        ),
        ({"type": "asset", "url": "https://a.example/x.png"}, b"", AssetAsked),
        ({"type": "more"}, b"", MoreAsked),
        ({"type": "grown"}, b"", Grown),
    ],
)
def test_valid_answers_are_parsed(header: dict[str, Any], body: bytes, kind: type) -> None:
    assert isinstance(parse_answer(Frame(header, body)), kind)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ({}, b""),
        ({"type": "exec"}, b""),
        ({"type": ["grown"]}, b""),
        ({"type": "grown", "more": 1}, b""),
        ({"type": "asset"}, b""),
        ({"type": "asset", "url": "https://a.example/" + "x" * 10_000}, b""),
        ({"type": "asset", "url": "https://a.example/", "headers": {"Cookie": "x"}}, b""),
        ({"type": "asset", "url": "https://a.example/"}, b"body"),
        ({"type": "grown"}, PDF),
        ({"type": "progress", "percent": 101, "stage": "layout"}, b""),
        ({"type": "progress", "percent": "20", "stage": "layout"}, b""),
        ({"type": "progress", "percent": 20, "stage": "<script>"}, b""),
        ({"type": "failed", "code": "internal", "message": "x"}, b""),
        ({"type": "failed", "code": "render_failed", "message": "x" * 5000}, b""),
        ({"type": "failed", "code": "document_unreachable", "message": "x", "retry_after_s": 86_401}, b""),
        ({"type": "failed", "code": "document_unreachable", "message": "x", "retry_after_s": -1}, b""),
        (RENDERED, b""),
        (RENDERED, b"<html>"),
        (RENDERED, b"PK\x03\x04"),
        (RENDERED, b" %PDF-"),
        (RENDERED | {"content_type": "image/png"}, PDF),
        (RENDERED | {"content_type": "image/webp"}, b"RIFF\0\0\0\0AVI "),
        (RENDERED | {"content_type": "text/html"}, b"<html>"),
        (RENDERED | {"pages": -1}, PDF),
        (RENDERED | {"pages": 2.5}, PDF),
        (RENDERED | {"render_ms": 10**30}, PDF),
        (RENDERED | {"warnings": [{"code": "unheard_of", "message": "m"}]}, PDF),
        (RENDERED | {"warnings": [{"code": "css_ignored", "message": "m", "__class__": "x"}]}, PDF),
        (RENDERED | {"warnings": [{"code": "css_ignored", "message": "m"}] * 201}, PDF),
        (RENDERED | {"warnings": [{"code": "content_cut", "message": "m", "page": 0}]}, PDF),
    ],
)
def test_any_other_answer_is_refused(header: dict[str, Any], body: bytes) -> None:
    with pytest.raises(BadFrame):
        parse_answer(Frame(header, body))


def test_a_render_request_has_all_but_credentials_and_fonts_in_the_header_and_the_body() -> None:
    async def read() -> bytes:
        raise AssertionError("the child asks for it")

    request = RenderRequest(
        format="html",
        document="<p>",
        options={"zoom": 2.0},
        files={"a.png": b"123", "b": b""},
        index="ref/p.html",
        credentials={"https://a.example": {"cookie": "hunter2"}},
        fonts=[OfferedFont(families=["Acme", "Acme Light"], digest="d", read=read)],
    )
    assert "hunter2" not in repr(request)
    assert request.body() == b"123<p>"
    assert request.header(scratch="/tmp/1", timeout_ms=500) == {
        "type": "render",
        "format": "html",
        "options": {"zoom": 2.0},
        "data": None,
        "files": [["a.png", 3], ["b", 0]],
        "index": "ref/p.html",
        "fonts": [["Acme", "Acme Light"]],
        "scratch": "/tmp/1",
        "timeout_ms": 500,
    }


def test_a_merge_request_has_the_size_of_each_part_in_the_header() -> None:
    parts = [MergePart(pdf=b"123", title="a", pages="1-", rotate=90), MergePart(pdf=b"45", title="b")]
    request = MergeRequest(parts=parts, options={"linearize": True})
    assert request.body() == b"12345"
    assert request.header(scratch="/tmp/1", timeout_ms=500) == {
        "type": "merge",
        "parts": [
            {"bytes": 3, "title": "a", "pages": "1-", "rotate": 90},
            {"bytes": 2, "title": "b", "pages": None, "rotate": 0},
        ],
        "options": {"linearize": True},
        "scratch": "/tmp/1",
        "timeout_ms": 500,
    }


def test_a_request_to_fill_a_form_has_its_fields_behind_the_pdf() -> None:
    request = FillRequest(pdf=b"123", fields={"a": "é", "b": None}, options={"flatten": True})
    assert request.body() == b'123{"a": "\\u00e9", "b": null}'
    assert request.header(scratch="/tmp/1", timeout_ms=500) == {
        "type": "fill",
        "bytes": 3,
        "options": {"flatten": True},
        "scratch": "/tmp/1",
        "timeout_ms": 500,
    }


def test_a_preview_request_has_its_pdf_in_the_body() -> None:
    request = PreviewRequest(pdf=PDF, options={"dpi": 50}, produces=("image/png",))
    assert request.body() == PDF
    assert request.header(scratch="/tmp/1", timeout_ms=500) == {
        "type": "preview",
        "options": {"dpi": 50},
        "scratch": "/tmp/1",
        "timeout_ms": 500,
    }
