"""URLs that cannot be joined, such as ``//[x``. One of them fails a whole document otherwise."""

from __future__ import annotations

from urllib.parse import urljoin

import weasyprint
import weasyprint.urls


def apply() -> None:
    weasyprint.urljoin = weasyprint.urls.urljoin = joined  # type: ignore[attr-defined, assignment]


def joined(base_url: str, url: str) -> str:
    """Returns `url` resolved with `base_url`, or as it is if it is malformed."""
    try:
        return urljoin(base_url, url)
    except ValueError:
        return url
