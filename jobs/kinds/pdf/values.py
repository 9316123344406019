"""Values in the input and the options of kinds: lengths, dates, file names. Pure."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from jobs.core.egress import EgressPolicy, UrlRefused
from jobs.core.times import parse_time
from jobs.kinds.pdf.paper import length_mm, paper
from jobs.render.child.html.css.page_style import SIDES
from jobs.render.protocol import page_ranges

PdfVariant = Literal[
    "pdf/a-1a",
    "pdf/a-1b",
    "pdf/a-2a",
    "pdf/a-2b",
    "pdf/a-2u",
    "pdf/a-3a",
    "pdf/a-3b",
    "pdf/a-3u",
    "pdf/a-4",
    "pdf/a-4u",
    "pdf/a-4e",
    "pdf/a-4f",
    "pdf/ua-1",
    "pdf/ua-2",
    "pdf/a-1a+ua-1",
    "pdf/a-1b+ua-1",
    "pdf/a-2a+ua-1",
    "pdf/a-2b+ua-1",
    "pdf/a-2u+ua-1",
    "pdf/a-3a+ua-1",
    "pdf/a-3b+ua-1",
    "pdf/a-3u+ua-1",
    "pdf/a-4+ua-2",
    "pdf/a-4e+ua-2",
    "pdf/a-4f+ua-2",
    "pdf/x-1a",
    "pdf/x-3",
    "pdf/x-4",
    "pdf/x-5g",
]
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?")


def standards_of(variant: PdfVariant | None) -> list[str]:
    """Returns the standards of a variant; a pair, such as `pdf/a-3a+ua-1`, has two."""
    return [] if variant is None else variant.replace("+", "+pdf/").split("+")


def _http_url(url: str) -> str:
    try:
        EgressPolicy().check_url(url)
    except UrlRefused as error:
        raise ValueError(str(error)) from None
    return url


def paper_size(size: str) -> str:
    paper(size)
    return size.lower()


def _length(length: str) -> str:
    length_mm(length)
    return length


def one_error(expected: str) -> WrapValidator:
    """Gives one error instead of one for each form that the value could have had."""

    def check(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise ValueError(f"should be {expected}") from None

    return WrapValidator(check)


def each_side(margins: Any) -> Any:
    if not isinstance(margins, str):
        return margins
    length_mm(margins)
    return dict.fromkeys(SIDES, margins)


def _date(text: str) -> str:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        moment = parse_time(text)
    except ValueError:
        raise ValueError("a date looks like 2026-01-31, a time like 2026-01-31T12:00:00Z") from None
    return moment.isoformat() if ":60" in text else text  # PDF has no leap seconds


def pdf_name(name: str) -> str:
    if re.search(r'[\x00-\x1f\x7f/\\"]', name) or name.strip() != name:
        raise ValueError(
            "a file name may not contain slashes, quotes or control characters, nor begin or end blank"
        )
    return name if name.lower().endswith(".pdf") else f"{name}.pdf"


def file_name(name: str) -> str:
    if re.search(r"[\x00-\x1f\x7f/\\\\]", name):
        raise ValueError("a file name may not contain slashes or control characters")
    return name


def base64_text(data: str | None) -> str | None:
    try:
        base64.b64decode(data or "", validate=True)
    except ValueError:
        raise ValueError("data should be base64") from None
    return data


Password = Annotated[str, Field(min_length=1, max_length=127)]
HttpUrl = Annotated[str, Field(min_length=1, max_length=8192), AfterValidator(_http_url)]
Length = Annotated[str, Field(max_length=20), AfterValidator(_length)]
ShortText = Annotated[str, Field(min_length=1, max_length=1000)]
Pages = Annotated[
    str, Field(min_length=1, max_length=page_ranges.MAX_CHARACTERS), AfterValidator(page_ranges.canonical)
]
Date = Annotated[str, Field(max_length=30), AfterValidator(_date)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
