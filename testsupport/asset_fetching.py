"""Fetches assets for documents without a worker and a fetch process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jobs.core.egress import EgressPolicy
from jobs.core.http.custom_headers import HeadersByOrigin
from jobs.process.name_lookup import look_up
from jobs.render.child.html.fetcher import Ask
from jobs.render.fetch.document_fetches import Asset, DocumentFetches, FetchFailed, Resolve
from jobs.render.protocol.limits import FetchLimits
from jobs.render.protocol.wire import Frame

_THREADS = ThreadPoolExecutor(8)


def fetches(limits: FetchLimits, resolve: Resolve = look_up, **policy: Any) -> DocumentFetches:
    """The fetches of one document."""
    only_listed = limits.mode == "allowlist"
    allowed = EgressPolicy.from_entries(limits.egress_allow, only_listed=only_listed, **policy)
    return DocumentFetches(limits, allowed, _THREADS, resolve)


def fetched(fetching: DocumentFetches, url: str, credentials: HeadersByOrigin | None = None) -> Asset:
    return asyncio.run(fetching.fetch(url, credentials))


def asking(limits: FetchLimits, resolve: Resolve = look_up) -> Ask:
    """Answers as a worker does, in one piece. All questions count as those of one document."""
    fetching = fetches(limits, resolve)

    def ask(question: dict[str, Any]) -> Frame:
        try:
            asset = fetched(fetching, question["url"])
        except FetchFailed as failed:
            return not_fetched(failed)
        return Frame(
            {"type": "fetched", "url": asset.url, "content_type": asset.content_type, "bytes_left": 0},
            asset.body,
        )

    return ask


def not_fetched(failed: FetchFailed) -> Frame:
    header = {
        "code": failed.code,
        "message": failed.message,
        "is_final": failed.is_final,
        "status": failed.status,
        "retry_after_s": failed.retry_after_s,
    }
    return Frame({"type": "not_fetched", **header}, b"")


def no_network() -> Callable[[dict[str, Any]], Frame]:
    """Answers as a worker does that lets documents fetch nothing."""
    return lambda question: not_fetched(
        FetchFailed("asset_forbidden", "Documents may not fetch anything here.", is_final=True)
    )
