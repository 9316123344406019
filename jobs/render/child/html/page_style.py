"""The stylesheet that page options become. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIDES = ("top", "right", "bottom", "left")


def page_stylesheet(options: Mapping[str, Any]) -> str | None:
    """An ``@page`` rule for `page_size`, `orientation` and `margins`; None without them.

    The declarations are important: what the caller asked for wins over what the document says.
    """
    declarations = []
    size = [options[name] for name in ("page_size", "orientation") if name in options]
    if size:
        declarations.append(f"size: {' '.join(size)} !important")
    margins = options.get("margins", {})
    declarations += [f"margin-{side}: {margins[side]} !important" for side in SIDES if side in margins]
    return f"@page {{ {'; '.join(declarations)} }}" if declarations else None
