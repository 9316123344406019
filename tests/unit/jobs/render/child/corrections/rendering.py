"""What tests of corrections share: documents that look the same have the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.render.child.html.engine import Engine, RenderedDocument


def rendered(engine: Engine, document: str, options: Mapping[str, Any] | None = None) -> RenderedDocument:
    try:
        return engine.render("html", document.encode(), options or {}, lambda step: None)
    finally:
        engine.tidy_up()


def looks_like(engine: Engine, css: str, same: str, body: str = "<p class=a>a") -> bool:
    """Tells whether the body with `css` is drawn as with `same`, and neither has warnings."""
    first, second = (rendered(engine, f"<!doctype html><style>{each}</style>{body}") for each in (css, same))
    assert first.warnings == second.warnings == []
    return first.pdf == second.pdf
