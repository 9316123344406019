"""The fonts that the documents of a worker use, kept in memory between jobs."""

from __future__ import annotations

from collections import OrderedDict

from jobs.fonts.font import Font
from jobs.fonts.font_store import FontList, FontStore

_MAX_TENANTS = 200
"""Lists that are kept. A font in a list takes 2 KB, so they take 40 MB at most."""
_MAX_CONTENT_BYTES = 64 * 1024 * 1024
"""Contents that are kept: those of all tenants whose documents use two or three fonts of 100 KB."""


class TenantFonts:
    """Reads lists and contents from the store, unless it has them. Use it from one event loop."""

    def __init__(self, store: FontStore, *, max_content_bytes: int = _MAX_CONTENT_BYTES) -> None:
        self._store = store
        self._max_content_bytes = max_content_bytes
        self._lists: OrderedDict[str, FontList] = OrderedDict()
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        """By path, which is never used for other content. The one used last is at the end."""
        self._content_bytes = 0

    async def of(self, tenant: str, revision: str) -> FontList:
        """Returns the fonts of the tenant as they were at `revision`, or as they are by now.

        Raises StoreUnavailable.
        """
        found = self._lists.get(tenant)
        if found is None or found.revision != revision:
            found = self._lists[tenant] = await self._store.all(tenant)
        self._lists.move_to_end(tenant)
        while len(self._lists) > _MAX_TENANTS:
            self._lists.popitem(last=False)
        return found

    async def content(self, font: Font) -> bytes:
        """Raises what `FontStore.content` raises."""
        content = self._contents.get(font.path)
        if content is None:
            content = await self._store.content(font)
            if font.path not in self._contents:
                self._contents[font.path] = content
                self._content_bytes += len(content)
        self._contents.move_to_end(font.path)
        while self._content_bytes > self._max_content_bytes:
            _, dropped = self._contents.popitem(last=False)
            self._content_bytes -= len(dropped)
        return content
