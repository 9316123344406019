from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pikepdf
import pytest

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody

Render = Callable[..., tuple[pikepdf.Pdf, list[dict[str, Any]]]]


@pytest.fixture(scope="package")
def engine() -> Engine:
    return Engine(ask_nobody)


@pytest.fixture
def render(engine: Engine) -> Render:
    """Renders HTML with options, and returns the PDF with its warnings."""

    def render_one(html: str, **options: Any) -> tuple[pikepdf.Pdf, list[dict[str, Any]]]:
        try:
            rendered = engine.render("html", html.encode(), options, lambda step: None)
        finally:
            engine.tidy_up()
        assert rendered.pages == len(pikepdf.open(BytesIO(rendered.pdf)).pages)
        return pikepdf.open(BytesIO(rendered.pdf)), rendered.warnings

    return render_one
