"""Raster images as `data:` URLs."""

from __future__ import annotations

import base64
from io import BytesIO

from PIL import Image


def png_url(width: int, height: int, color: str = "red") -> str:
    Image.new("RGB", (width, height), color).save(buffer := BytesIO(), "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
