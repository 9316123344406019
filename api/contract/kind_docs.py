"""The section of `/docs` for each kind of job: tables of the members of its input and options."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from api.contract.member_table import Schema, member_table


def kind_sections(schemas: Schema) -> Iterator[str]:
    """Yields a section for each kind in `schemas`, the components of the contract."""
    for alternative in schemas["JobRequest"]["oneOf"]:
        kind = escape(alternative["properties"]["kind"]["const"])
        tables = "".join(
            f"<h4>{member}</h4>{member_table(alternative['properties'][member], schemas)}"
            for member in ("input", "options")
            if member in alternative["properties"]
        )
        yield f'<section id="{kind}"><h3>{kind}</h3>{tables}</section>'


def kind_names(schemas: Schema) -> list[str]:
    """Returns the names of the kinds, in the order of the sections."""
    return [alternative["properties"]["kind"]["const"] for alternative in schemas["JobRequest"]["oneOf"]]
