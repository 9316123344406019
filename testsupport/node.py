"""Where Node is."""

from __future__ import annotations

from pathlib import Path

import playwright

NODE = Path(playwright.__file__).parent / "driver" / "node"
"""The Node that Playwright brings. It has WebSockets."""
