"""Fonts as records. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jobs.core.times import rfc3339
from jobs.render.protocol.messages import CheckedMessage

MAX_FONT_BYTES = 32 * 1024 * 1024
"""Size of a font, as it is sent and unpacked. Fonts of all Chinese characters have about 20 MiB."""
MAX_FONTS = 100
"""Fonts of a tenant. A worker reads the list when it has changed, and each document carries it."""
MAX_FAMILIES = 20
MAX_FAMILY_CHARACTERS = 200

FontFormat = Literal["ttf", "otf", "woff", "woff2"]
Embedding = Literal["installable", "editable", "preview_and_print"]
"""How the licence lets a PDF have the font (`fsType` of the table OS/2)."""


class FontFacts(CheckedMessage):
    """What is in a font file. A process that has read an untrusted file says it."""

    families: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=MAX_FAMILY_CHARACTERS)]],
        Field(min_length=1, max_length=MAX_FAMILIES),
    ]
    """Its family names. The first is the one that unites most styles."""
    weight: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}( [0-9]{1,4})?$")]
    """As in CSS: a number from 1 to 1000; two if the font is variable."""
    style: Literal["normal", "italic", "oblique"]
    format: FontFormat
    embedding: Embedding
    may_be_subset: bool
    """Whether a PDF may have only those characters of the font that it uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Font:
    """An uploaded font without its content."""

    name: str
    digest: str
    """Hex SHA-256 of the file as it was sent."""
    created_ms: int
    kept_bytes: int
    """Size of what is kept: the font as TrueType or OpenType."""
    path: str
    """Of that artifact. Never used for other content."""
    facts: FontFacts

    @classmethod
    def from_head(cls, name: str, head: str | bytes) -> Font:
        """Reads what `scripts/fonts/font_put.lua` wrote; ignores members that are not known."""
        members = json.loads(head)
        facts = {key: members["facts"][key] for key in FontFacts.model_fields}
        return cls(
            name=name,
            digest=members["digest"],
            created_ms=members["created"],
            kept_bytes=members["bytes"],
            path=members["path"],
            facts=FontFacts(**facts),
        )

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            **self.facts.model_dump(),
            "bytes": self.kept_bytes,
            "digest": self.digest,
            "created_at": rfc3339(self.created_ms),
        }
