"""Pages with the stylesheets that frameworks publish, which npm brings, have no false warnings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody

BODIES = Path(__file__).parent / "with_frameworks"
PACKAGES = Path(__file__).parents[1] / "javascript" / "node_modules"

FRAMEWORKS = {
    "bootstrap/dist/css/bootstrap.css": "bootstrap",
    "bootstrap/dist/css/bootstrap.min.css": "bootstrap",
    "@picocss/pico/css/pico.css": "pico",
    "@picocss/pico/css/pico.classless.css": "pico",
    "github-markdown-css/github-markdown.css": "github",
    "github-markdown-css/github-markdown-light.css": "github",
    "normalize.css/normalize.css": "normalize",
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


@pytest.mark.parametrize("stylesheet", FRAMEWORKS)
def test_a_page_with_the_stylesheet_of_a_framework_has_no_warnings(engine: Engine, stylesheet: str) -> None:
    file = PACKAGES / stylesheet
    if not file.exists() and not os.environ.get("CI"):
        pytest.skip("needs npm: scripts/test runs `npm ci --prefix tests/javascript` if npm is installed")
    head = f"<!doctype html><html lang=en><title>A page</title><style>{file.read_text('utf-8')}</style>"
    try:
        body = (BODIES / f"{FRAMEWORKS[stylesheet]}.html").read_text("utf-8")
        document = f"{head}{body}".encode()
        warnings = engine.render("html", document, {}, lambda step: None).warnings
        assert [warning["message"] for warning in warnings] == []
    finally:
        engine.tidy_up()
