"""Renders documents and returns their warnings, for the tests of all that looks for losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.render.child.html.engine import Engine, RenderedDocument
from jobs.render.child.html.fetcher import ask_nobody

Render = Callable[..., RenderedDocument]
Warned = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="package")
def engine() -> Engine:
    return Engine(ask_nobody)


@pytest.fixture
def render(engine: Engine) -> Render:
    def render(html: str, **options: Any) -> RenderedDocument:
        try:
            return engine.render("html", html.encode(), options, lambda step: None)
        finally:
            engine.tidy_up()

    return render


@pytest.fixture
def warned(render: Render) -> Warned:
    def warned(html: str, code: str | None = None, **options: Any) -> list[dict[str, Any]]:
        """Returns the warnings of a document: those with this code, or all."""
        return [each for each in render(html, **options).warnings if code in (None, each["code"])]

    return warned
