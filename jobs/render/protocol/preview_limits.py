"""How large previews may be; checked at submission and, where it depends on the PDF, in the render child."""

from __future__ import annotations

MAX_PAGES = 100
"""In one job."""
MAX_PIXELS = 40_000_000
"""Of one picture."""
MAX_WIDTH = 4096
DEFAULT_WIDTH = 800
MAX_DPI = 600
