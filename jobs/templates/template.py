"""Templates and their versions as records. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jobs.core.times import rfc3339

MAX_CONTENT_BYTES = 2 * 1024 * 1024
"""Size of a version with all its parts, as JSON. Each job carries a copy of it."""
MAX_STYLESHEETS = 20
MAX_VERSION = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateContent:
    """The content of a version. Equal content is the same version."""

    html: str
    """HTML with Jinja2 in it."""
    stylesheets: tuple[str, ...] = ()
    """CSS texts, weaker than the styles in `html`; later ones win over earlier ones."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema (2020-12) of the data; None accepts any object."""
    sample_data: Mapping[str, Any] | None = None
    """Data for previews."""
    description: str = ""

    def to_json(self) -> bytes:
        """Returns JSON that is the same for equal content."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: str | bytes) -> TemplateContent:
        """Reads what `to_json` wrote; ignores members that a later release has added."""
        members = json.loads(text)
        known: dict[str, Any] = {name: members[name] for name in cls.__dataclass_fields__ if name in members}
        return cls(**{**known, "stylesheets": tuple(known.get("stylesheets", ()))})

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.to_json()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVersion:
    """A version without its content, for lists."""

    name: str
    version: int
    digest: str
    created_ms: int
    description: str = ""

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            "created_at": rfc3339(self.created_ms),
            "digest": self.digest,
            "description": self.description,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A version with its content."""

    head: TemplateVersion
    content: TemplateContent = field(repr=False)

    def document(self) -> dict[str, Any]:
        content = self.content
        return {
            **self.head.document(),
            "html": content.html,
            "stylesheets": content.stylesheets,
            "schema": content.schema,
            "sample_data": content.sample_data,
        }
