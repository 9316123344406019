"""The option `fetch` of `pdf.render`: what is sent with requests to some origins. Pure.

The credentials leave this module as headers by origin. They are sealed in the store, and only the
fetch process of a worker gets them: see `jobs.kinds.spec_secrets` and `jobs.render.fetch`.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidatorFunctionWrapHandler, model_validator

from jobs.core.egress import EgressPolicy, UrlRefused
from jobs.core.http.custom_headers import checked_headers
from jobs.kinds.pdf.values import Strict

MAX_ORIGINS = 10
"""Of one job. Each request of a document carries the credentials for all of them to the fetch
process."""
MAX_BYTES = 16 * 1024
"""Size of what is sent to one origin. Most servers refuse requests with larger headers."""
_MAX_HEADERS = 10
_MAX_COOKIES = 50
_MAX_VALUE_CHARACTERS = 8 * 1024
"""A token of a single sign-on can have some thousand characters."""
_OURS = "range|if-.*"
"""The answer to these could be a part of the document, or nothing."""
_ORIGIN = re.compile(r"https?://[^/?#]+/?", re.IGNORECASE)
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
"""A token (RFC 6265 section 4.1.1, RFC 9110 section 5.6.2)."""
_COOKIE_VALUE = re.compile(r"(?! )[\x20-\x3a\x3c-\x7e]*(?<! )")
"""More than RFC 6265 allows, because browsers send more; but no semicolon, which ends a cookie."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _origin(url: str) -> str:
    try:
        target = EgressPolicy().check_url(url)
    except UrlRefused as error:
        raise ValueError(str(error)) from None
    if not _ORIGIN.fullmatch(url):
        raise ValueError("an origin is scheme, host and port, such as https://example.com:8443")
    return target.origin


def _headers(headers: dict[str, str]) -> dict[str, str]:
    if any(name.lower() == "cookie" for name in headers):
        raise ValueError("cookies belong into the member `cookies`")
    return checked_headers(
        headers, _OURS, max_headers=_MAX_HEADERS, max_value_characters=_MAX_VALUE_CHARACTERS
    )


def _cookies(cookies: dict[str, str]) -> dict[str, str]:
    if len(cookies) > _MAX_COOKIES:
        raise ValueError(f"should be at most {_MAX_COOKIES} cookies")
    for name, value in cookies.items():
        if not _COOKIE_NAME.fullmatch(name):
            raise ValueError(f"{name[:64]!r} is no name of a cookie")
        if not _COOKIE_VALUE.fullmatch(value):
            raise ValueError(
                f"the value of the cookie {name[:64]} should be printable ASCII characters without a semicolon"
            )
    return cookies


def _without_control(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("should have no control characters")
    return text


class BasicAuth(Strict):
    """User name and password, sent as HTTP Basic authentication (RFC 7617)."""

    username: Annotated[
        str,
        Field(max_length=255, pattern=r"^[^:]*$", description="Without a colon."),
        AfterValidator(_without_control),
    ]
    password: Annotated[str, Field(max_length=1024), AfterValidator(_without_control)]


class FetchCredentials(Strict):
    """What is sent with each request of the document to some origins, and to no others."""

    origins: Annotated[
        list[Annotated[str, Field(max_length=300), AfterValidator(_origin)]] | None,
        Field(
            min_length=1,
            max_length=MAX_ORIGINS,
            description="Scheme, host and port, such as `https://app.example.com`. Default: the origin of the "
            "input `url`.",
        ),
    ] = None
    headers: Annotated[
        dict[str, str] | None,
        AfterValidator(lambda headers: headers and _headers(headers)),
        Field(description="Such as `Authorization`. They cannot replace those of the connection."),
    ] = None
    cookies: Annotated[
        dict[str, str] | None,
        AfterValidator(lambda cookies: cookies and _cookies(cookies)),
        Field(description="Values by name. Cookies that a server sets are not kept."),
    ] = None
    auth: BasicAuth | None = None

    @model_validator(mode="after")
    def _is_sendable(self) -> Self:
        if not (self.headers or self.cookies or self.auth):
            raise ValueError("give headers, cookies or auth")
        if self.auth and "authorization" in (self.headers or {}):
            raise ValueError("give auth or the header Authorization, not both")
        if sum(len(name) + len(value) + 4 for name, value in self.as_headers().items()) > MAX_BYTES:
            raise ValueError(f"should be at most {MAX_BYTES:,} bytes as headers of a request")
        return self

    def as_headers(self) -> dict[str, str]:
        """Returns the headers of a request."""
        headers = dict(self.headers or {})
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.auth:
            pair = f"{self.auth.username}:{self.auth.password}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return headers


def one_or_several(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Makes a list of a single object. Errors have the pointers of what was sent."""
    return [FetchCredentials.model_validate(value)] if isinstance(value, dict) else validate(value)


def contradictions(fetch: Sequence[FetchCredentials], url: str | None) -> Iterator[str]:
    """Yields messages. `url` is the input, if that is the address of the document."""
    counts: Counter[str] = Counter()
    for each in fetch:
        origins = _origins(each, url)
        if not origins:
            yield "say with `origins` where they are sent: there is no input `url`"
        counts.update(origins)
    yield from (f"{origin} is named twice" for origin, count in counts.items() if count > 1)
    if len(counts) > MAX_ORIGINS:
        yield f"should name at most {MAX_ORIGINS} origins in all"


def by_origin(fetch: Sequence[FetchCredentials], url: str | None) -> dict[str, dict[str, str]]:
    """Returns the credentials as headers by origin. There are no `contradictions`."""
    return {origin: each.as_headers() for each in fetch for origin in _origins(each, url)}


def _origins(each: FetchCredentials, url: str | None) -> list[str]:
    if each.origins is not None:
        return each.origins
    return [] if url is None else [EgressPolicy().check_url(url).origin]
