"""What worker and render child say to each other.

Requests are plain dictionaries that the worker makes. Answers come from a process that a hostile document may have
taken over: `parse_answer` checks type and size of everything in them before anything is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from jobs.render.wire import BadFrame, Frame

MAX_ANSWER_HEADER_BYTES = 512 * 1024

Format = Literal["html", "markdown", "url", "template"]
FailureCode = Literal[
    "render_failed",
    "render_out_of_memory",
    "result_too_large",
    "template_error",
    "asset_forbidden",
    "document_unreachable",
    "internal_error",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRequest:
    """One document to render; validated (`jobs.kinds.pdf_render`)."""

    format: Format
    document: str
    """HTML or Markdown text, the URL of the document, or a template."""
    data: Mapping[str, Any] | None = None
    """What a template is filled with."""
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What the document may refer to by relative URL."""

    def header(self, *, scratch: str, timeout_ms: int) -> dict[str, Any]:
        """The request as the child reads it, without `body`."""
        return {
            "type": "render",
            "format": self.format,
            "options": self.options,
            "data": self.data,
            "files": [[name, len(content)] for name, content in self.files.items()],
            "scratch": scratch,
            "timeout_ms": timeout_ms,
        }

    def body(self) -> bytes:
        """All files and then the document; the files' names and sizes are in the header."""
        return b"".join([*self.files.values(), self.document.encode()])


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Warned(_Answer):
    """One remark about the document; `code` is stable and documented."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    message: Annotated[str, Field(max_length=1000)]
    url: Annotated[str | None, Field(max_length=1000)] = None


class Ready(_Answer):
    """The child is warm."""

    type: Literal["ready"]
    engine: Annotated[str, Field(max_length=100)]


class Progressed(_Answer):
    type: Literal["progress"]
    percent: Annotated[int, Field(ge=0, le=100)]
    stage: Annotated[str, Field(pattern=r"^[a-z_]{1,20}$")]
    page: Annotated[int | None, Field(ge=0, le=10_000_000)] = None


class Rendered(_Answer):
    """The PDF is the frame's body."""

    type: Literal["rendered"]
    pages: Annotated[int, Field(ge=0, le=10_000_000)]
    render_ms: Annotated[int, Field(ge=0, le=10**9)]
    peak_memory_bytes: Annotated[int, Field(ge=0, le=2**48)]
    warnings: Annotated[list[Warned], Field(max_length=200)]
    self_contained: bool = False
    """Nothing outside of the request was asked for: the same request gives the same PDF."""


class Failed(_Answer):
    """The document was not rendered, or (before `Ready`) the child cannot start."""

    type: Literal["failed"]
    code: FailureCode
    message: Annotated[str, Field(max_length=4000)]


class Grown(_Answer):
    """The child has cleaned up after a render, and still holds more than a child should."""

    type: Literal["grown"]


Answer = Ready | Progressed | Rendered | Failed | Grown

_ANSWERS: TypeAdapter[Answer] = TypeAdapter(Annotated[Answer, Field(discriminator="type")])


def parse_answer(frame: Frame) -> Answer:
    """What the child says.

    Raises:
        BadFrame: it is none of the answers above, or a PDF is not one.
    """
    try:
        answer = _ANSWERS.validate_python(frame.header)
    except ValidationError as error:
        raise BadFrame(f"an answer does not fit: {error.errors(include_input=False)[0]['msg']}") from None
    if isinstance(answer, Rendered) != bool(frame.body):
        raise BadFrame("an answer has a body where it should not, or none where it should")
    if frame.body and not frame.body.startswith(b"%PDF-"):
        raise BadFrame("the result is not a PDF")
    return answer
