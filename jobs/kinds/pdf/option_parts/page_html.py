"""HTML that is repeated on pages: headers and footers. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from jobs.kinds.pdf.values import Strict

_Html = Annotated[str, Field(max_length=1_000_000)]


class PageHtml(Strict):
    """HTML for kinds of pages. An empty text leaves the place empty."""

    default: Annotated[_Html | None, Field(description="For all pages that have no HTML of their own.")] = (
        None
    )
    first: Annotated[_Html | None, Field(description="For the first page.")] = None
    left: Annotated[_Html | None, Field(description="For left pages, which are the even ones.")] = None
    right: Annotated[_Html | None, Field(description="For right pages, which are the odd ones.")] = None

    @model_validator(mode="after")
    def _has_html(self) -> Self:
        if all(html is None for html in (self.default, self.first, self.left, self.right)):
            raise ValueError("give HTML for at least one kind of pages")
        return self


def _for_all_pages(html: Any) -> Any:
    return {"default": html} if isinstance(html, str) else html


RepeatedHtml = Annotated[
    PageHtml | None, BeforeValidator(_for_all_pages, json_schema_input_type=str | PageHtml | None)
]
