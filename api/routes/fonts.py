"""`/v1/fonts`: put, list, look, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.answers import GONE
from api.contract.requests.fonts import FontListQuery
from api.contract.responses.fonts import FontDocument, FontList
from api.http.body import BodyBounds, BodyFormat, media_type, read_body
from api.http.json_responses import NO_STORE, json_reply
from api.http.operation import Answer, operation
from api.services import Services
from jobs.core.errors.request import FontNotFound, InvalidInput, UnsupportedMediaType, unknown_cursor
from jobs.core.ids import NAME_PATTERN, is_name

_FONTS = "/v1/fonts"
_FONT = f"{_FONTS}/{{name}}"
_FONT_NOT_FOUND = {404: "font_not_found"}
_MEDIA_TYPES = (
    "font/ttf",
    "font/otf",
    "font/woff",
    "font/woff2",
    "font/sfnt",
    "application/octet-stream",
)
"""What is in the file decides, so any of them will do."""


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    if not is_name(name):
        raise FontNotFound(name)
    return name


def _new_name(request: Request) -> str:
    name: str = request.path_params["name"]
    if not is_name(name):
        raise InvalidInput.at([{"pointer": "/name", "message": f"should match {NAME_PATTERN}"}])
    return name


async def _read_font(request: Request, bounds: BodyBounds) -> bytes:
    if media_type(request.headers.get("content-type", ""))[0] not in _MEDIA_TYPES:
        raise UnsupportedMediaType(f"Send the font with one of these types: {', '.join(_MEDIA_TYPES)}.")
    return await read_body(request, bounds)


FontName = Annotated[str, _name]
NewFontName = Annotated[str, _new_name]
FontBody = Annotated[
    bytes,
    BodyFormat(
        {name: {"type": "string", "contentMediaType": name, "minLength": 1} for name in _MEDIA_TYPES},
        _read_font,
    ),
]


@dataclass(frozen=True)
class FontRoutes:
    services: Services

    @operation(f"GET {_FONTS}", {200: Answer("A page of fonts.", FontList)})
    async def list_fonts(self, caller: Caller, query: FontListQuery) -> Response:
        """List fonts by name."""
        if query.cursor is not None and not is_name(query.cursor):
            raise unknown_cursor()
        after = query.cursor or ""
        found = [font for font in (await self.services.fonts.all(caller.tenant)).fonts if font.name > after]
        page = found[: query.limit]
        next_cursor = page[-1].name if len(found) > len(page) else None
        return json_reply({"items": [font.document() for font in page], "next_cursor": next_cursor})

    @operation(
        f"PUT {_FONT}",
        {
            200: Answer(
                "The font has replaced the one of this name, or was made of the same file.", FontDocument
            ),
            201: Answer("The new font.", FontDocument, headers=("Location",)),
            409: "font_limit",
            413: "body_too_large",
            422: "invalid_input",
            429: "tenant_bytes_used",
            503: "store_unavailable, store_full, store_evicts, artifacts_unavailable, check_unavailable",
        },
    )
    async def put_font(self, caller: Caller, name: NewFontName, body: FontBody) -> Response:
        """Upload a font, which all your documents can use by its family name.

        Attempts at jobs that begin from now on use it. Send TrueType, OpenType, WOFF or WOFF2, one
        file for each weight and style. A font whose licence forbids to embed it is refused.
        """
        fonts, tenant = self.services.fonts, caller.tenant
        font, is_new = await fonts.find_same(tenant, name, body), False
        if font is None:
            checked = await self.services.checker.font(tenant, body)
            font, is_new = await fonts.put(tenant, name, body, checked.facts, checked.content)
        headers = ((b"location", f"{_FONTS}/{name}".encode()),) if is_new else ()
        return json_reply(font.document(), 201 if is_new else 200, (NO_STORE, *headers))

    @operation(f"GET {_FONT}", {200: Answer("The font.", FontDocument), **_FONT_NOT_FOUND})
    async def get_font(self, caller: Caller, name: FontName) -> Response:
        """Get what is known of a font."""
        return json_reply((await self.services.fonts.get(caller.tenant, name)).document())

    @operation(f"DELETE {_FONT}", {204: GONE, **_FONT_NOT_FOUND})
    async def delete_font(self, caller: Caller, name: FontName) -> Response:
        """Delete a font. Attempts at jobs that have begun may still use it."""
        await self.services.fonts.delete(caller.tenant, name)
        return Response(status_code=204)
