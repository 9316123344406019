"""Stores the fonts of the tenants: put, read, list, delete.

What is in the store if a process dies during `put`:

1. After its content was registered as garbage, before it was written: nothing.
2. After the content was written, before the font was: a file that no font names. The sweep removes
   it an hour later.
3. After the font was written, before the answer arrived: the font. Putting the same file again
   finds it.

The content of a font that was replaced or deleted is removed an hour later, because renders that
began before may still read it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from jobs.core.errors.request import BodyTooLarge, FontLimit, FontNotFound
from jobs.core.errors.store import StoreError, StoreUnavailable
from jobs.core.ids import new_ulid
from jobs.fonts.font import MAX_FONT_BYTES, MAX_FONTS, Font, FontFacts
from jobs.store.artifacts import Artifacts
from jobs.store.scripts import Scripts
from jobs.store.submission_writer import over_quota

_REVISION = b":revision"
"""The field beside the fonts of a tenant. No font can have this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FontList:
    """All fonts of a tenant at one moment, by name."""

    revision: str
    """Changes with each change of the fonts, and is never the same again; empty without fonts."""
    fonts: Sequence[Font]


class FontStore:
    """The fonts of all tenants. Every method may raise `StoreUnavailable`."""

    def __init__(self, scripts: Scripts, artifacts: Artifacts, *, max_fonts: int = MAX_FONTS) -> None:
        self._scripts = scripts
        self._artifacts = artifacts
        self._max_fonts = max_fonts

    async def find_same(self, tenant: str, name: str, file: bytes) -> Font | None:
        """Returns the font of this name if it was made of the same file, which is then valid.

        Raises BodyTooLarge if the file is larger than fonts may be.
        """
        if len(file) > MAX_FONT_BYTES:
            raise BodyTooLarge(f"The font has {len(file):,} bytes, and may have {MAX_FONT_BYTES:,}.")
        found = await self._read(tenant, name)
        return found if found is not None and found.digest == _digest(file) else None

    async def put(
        self, tenant: str, name: str, file: bytes, facts: FontFacts, content: bytes
    ) -> tuple[Font, bool]:
        """Makes a font, or replaces it. `facts` and `content` are what `Checker.font` returned.

        Returns the font, and whether there was none of this name.

        Raises:
            FontLimit: the tenant has too many fonts.
            TenantBytesUsed, BodyTooLarge: the tenant may not keep so many bytes.
            ArtifactsUnavailable: the content cannot be written to the artifact store.
            StoreFull: the store is out of memory, or the quota for artifacts in it is used up.
            StoreEvicts: the store may forget fonts.
        """
        await self._scripts.eviction.check()
        font_id = new_ulid()
        prefix = f"{tenant}/font_{font_id}"
        path = f"{prefix}/content"
        await self._put_content(tenant, font_id, path, content)
        outcome, *rest = await self._scripts.call(
            "font_put",
            tenant=tenant,
            name=name,
            id=font_id,
            digest=_digest(file),
            facts=facts.model_dump_json(),
            path=path,
            bytes=len(content),
            prefix=prefix,
            max_fonts=self._max_fonts,
        )
        if outcome not in (b"created", b"replaced"):
            with suppress(StoreError):  # the sweep removes it, too
                await self._artifacts.discard([prefix])
        match outcome:
            case b"fonts":
                raise FontLimit(
                    f"There are {self._max_fonts} fonts, which is all that a tenant may have. Delete one first."
                )
            case b"late":
                raise _late()
            case b"quota":
                raise over_quota(len(content), *rest)
        return Font.from_head(name, rest[0]), outcome == b"created"

    async def get(self, tenant: str, name: str) -> Font:
        """Raises FontNotFound."""
        found = await self._read(tenant, name)
        if found is None:
            raise FontNotFound(name)
        return found

    async def all(self, tenant: str) -> FontList:
        flat = await self._scripts.call("font_list", tenant=tenant)
        heads = dict(zip(flat[::2], flat[1::2], strict=True))
        revision = heads.pop(_REVISION, b"").decode()
        fonts = [Font.from_head(name.decode(), heads[name]) for name in sorted(heads)]
        return FontList(revision=revision, fonts=fonts)

    async def delete(self, tenant: str, name: str) -> None:
        """Removes a font from what documents can use. Raises FontNotFound."""
        if not await self._scripts.call("font_delete", tenant=tenant, name=name, id=new_ulid()):
            raise FontNotFound(name)

    async def content(self, font: Font) -> bytes:
        """Returns the font as TrueType or OpenType.

        Raises ArtifactMissing if it was replaced or deleted an hour ago, and ArtifactsUnavailable.
        """
        return await self._artifacts.get(font.path)

    async def _read(self, tenant: str, name: str) -> Font | None:
        head = await self._scripts.call("font_get", tenant=tenant, name=name)
        return None if head is None else Font.from_head(name, head)

    async def _put_content(self, tenant: str, font_id: str, path: str, content: bytes) -> None:
        """Writes content that no font names yet, and registers it as garbage until one does."""
        await self._artifacts.check_room()
        note = {"id": f"font_{font_id}", "bytes": len(content)}
        answer, *rest = await self._scripts.call("inputs_note", tenant=tenant, rows=[note])
        if answer == b"late":
            raise _late()
        if answer == b"quota":
            raise over_quota(len(content), *rest)
        try:
            await self._artifacts.put(path, content)
        except StoreError:
            with suppress(StoreError):  # the sweep removes it, too
                await self._artifacts.discard([path.rpartition("/")[0]])
            raise


def _digest(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()


def _late() -> StoreUnavailable:
    return StoreUnavailable("Writing the font took too long. Send it again.")
