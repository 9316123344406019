"""Makes a stylesheet of page options. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIDES = ("top", "right", "bottom", "left")


def page_stylesheet(options: Mapping[str, Any]) -> str | None:
    """Returns an ``@page`` rule for `page_size`, `orientation` and `margins`, or None without them.

    Its declarations are ``!important``, so that the options win over the document.
    """
    declarations = []
    size = [options[name] for name in ("page_size", "orientation") if name in options]
    if size:
        declarations.append(f"size: {' '.join(size)} !important")
    margins = options.get("margins", {})
    declarations += [f"margin-{side}: {margins[side]} !important" for side in SIDES if side in margins]
    return f"@page {{ {'; '.join(declarations)} }}" if declarations else None
