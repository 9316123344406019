"""Stores the templates of the tenants: put, read, list, delete.

What is in the store if a process dies during `put` (small content is written in the last step):

1. After its content was registered as garbage, before it was written: nothing.
2. After the content was written, before the version was: a file that no version names. The sweep
   removes it an hour later.
3. After the version was written, before the answer arrived: the version. Putting the same content
   again finds it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from jobs.core.errors.request import TemplateLimit, TemplateNotFound, unknown_cursor
from jobs.core.errors.store import ArtifactMissing, StoreError, StoreUnavailable
from jobs.core.ids import is_name, new_ulid
from jobs.core.job import INLINE_INPUT_MAX_BYTES
from jobs.store.artifacts import Artifacts
from jobs.store.scripts import Scripts
from jobs.store.submission_writer import over_quota
from jobs.templates.template import MAX_VERSION, Template, TemplateContent, TemplateVersion

MAX_NAMES = 10_000
"""Names that a tenant may use, deleted templates included: their last version numbers are kept."""
MAX_VERSIONS = 1_000
"""Versions that a template may have. Deleting it makes room; new versions count on."""


class TemplateStore:
    """The templates of all tenants. Every method may raise `StoreUnavailable`."""

    def __init__(
        self,
        scripts: Scripts,
        artifacts: Artifacts,
        *,
        max_names: int = MAX_NAMES,
        max_versions: int = MAX_VERSIONS,
    ) -> None:
        self._scripts = scripts
        self._artifacts = artifacts
        self._max_names = max_names
        self._max_versions = max_versions

    async def put(self, tenant: str, name: str, content: TemplateContent) -> tuple[TemplateVersion, bool]:
        """Makes a version of `content`, unless the newest version has the same content.

        Returns the version, and whether it is new.

        Raises:
            TemplateLimit: the tenant has too many names, or the template too many versions.
            TenantBytesUsed, BodyTooLarge: the tenant may not keep so many bytes.
            ArtifactsUnavailable: the content cannot be written to the artifact store.
            StoreFull: the store is out of memory, or the quota for artifacts in it is used up.
            StoreEvicts: the store may forget templates.
        """
        newest = await self._read(tenant, name, None)
        if newest is not None and newest[0].digest == content.digest:
            return newest[0], False
        await self._scripts.eviction.check()
        text, version_id, path, prefix = content.to_json(), new_ulid(), "", ""
        if len(text) > INLINE_INPUT_MAX_BYTES:
            prefix = f"{tenant}/tpl_{version_id}"
            path = f"{prefix}/content"
            await self._put_content(tenant, version_id, path, text)
        outcome, *rest = await self._scripts.call(
            "template_put",
            tenant=tenant,
            name=name,
            id=version_id,
            digest=content.digest,
            description=json.dumps(content.description),
            content=None if path else text,
            path=path,
            bytes=len(text),
            prefix=prefix,
            max_names=self._max_names,
            max_versions=self._max_versions,
        )
        if path and outcome != b"created":
            with suppress(StoreError):  # the sweep removes it, too
                await self._artifacts.discard([prefix])
        match outcome:
            case b"names":
                raise TemplateLimit(
                    f"{self._max_names} names of templates have been used, which is all a tenant may have."
                )
            case b"versions":
                raise TemplateLimit(
                    f"{name} has {self._max_versions} versions, which is all it may have. Delete it and put it again: "
                    "accepted jobs keep what they were submitted with, and numbers go on."
                )
            case b"late":
                raise _late()
            case b"quota":
                raise over_quota(len(text), *rest)
        number, head = rest
        return _version(name, number, json.loads(head)), outcome == b"created"

    async def get(self, tenant: str, name: str, version: int | None = None) -> Template:
        """Returns a version, the newest by default. Raises TemplateNotFound."""
        found = await self._read(tenant, name, version)
        if found is None:
            raise TemplateNotFound(name, version)
        head, text, path = found
        try:
            content = text or await self._artifacts.get(path)
        except ArtifactMissing:  # deleted since the record was read
            raise TemplateNotFound(name, version) from None
        return Template(head=head, content=TemplateContent.from_json(content))

    async def page(
        self, tenant: str, limit: int, cursor: str | None
    ) -> tuple[list[TemplateVersion], str | None]:
        """Returns the newest version of each template, by name, and the next cursor.

        Raises InvalidInput for a cursor that was never given out.
        """
        if cursor is not None and not is_name(cursor):
            raise unknown_cursor()
        flat = await self._scripts.call("template_list", tenant=tenant, after_name=cursor, limit=limit + 1)
        found = [
            _version(name.decode(), number, json.loads(head))
            for name, number, head in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        ]
        return found[:limit], found[limit - 1].name if len(found) > limit else None

    async def versions(
        self, tenant: str, name: str, limit: int, cursor: str | None
    ) -> tuple[list[TemplateVersion], str | None]:
        """Returns the versions of a template, newest first, and the cursor of the next page.

        Raises TemplateNotFound, InvalidInput.
        """
        if cursor is not None and not (
            cursor.isascii() and cursor.isdigit() and int(cursor[:11]) <= MAX_VERSION
        ):
            raise unknown_cursor()
        flat = await self._scripts.call(
            "template_versions", tenant=tenant, name=name, before_version=cursor, limit=limit + 1
        )
        if flat is None:
            raise TemplateNotFound(name)
        found = [
            _version(name, number, json.loads(head))
            for number, head in zip(flat[::2], flat[1::2], strict=True)
        ]
        return found[:limit], str(found[limit - 1].version) if len(found) > limit else None

    async def delete(self, tenant: str, name: str) -> None:
        """Removes all versions; the next sweep removes their content. Raises TemplateNotFound."""
        if not await self._scripts.call("template_delete", tenant=tenant, name=name):
            raise TemplateNotFound(name)

    async def _put_content(self, tenant: str, version_id: str, path: str, text: bytes) -> None:
        """Writes content that no version names yet, and registers it as garbage until one does."""
        await self._artifacts.check_room()
        note = {"id": f"tpl_{version_id}", "bytes": len(text)}
        answer, *rest = await self._scripts.call("inputs_note", tenant=tenant, rows=[note])
        if answer == b"late":
            raise _late()
        if answer == b"quota":
            raise over_quota(len(text), *rest)
        try:
            await self._artifacts.put(path, text)
        except StoreError:
            with suppress(StoreError):  # the sweep removes it, too
                await self._artifacts.discard([path.rpartition("/")[0]])
            raise

    async def _read(
        self, tenant: str, name: str, version: int | None
    ) -> tuple[TemplateVersion, bytes | None, str] | None:
        """Returns the version, its content or else None and the path to it; None if not found."""
        answer = await self._scripts.call("template_get", tenant=tenant, name=name, version=version)
        if answer is None:
            return None
        number, head_text, text = answer
        head = json.loads(head_text)
        return _version(name, number, head), text, head["path"]


def _late() -> StoreUnavailable:
    return StoreUnavailable("Writing the template took too long. Send it again.")


def _version(name: str, number: int, head: dict[str, Any]) -> TemplateVersion:
    return TemplateVersion(
        name=name,
        version=number,
        digest=head["digest"],
        created_ms=head["created"],
        description=head["description"],
    )
