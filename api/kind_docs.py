"""What each kind of job takes, for people: tables of the members of its input and its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any

Schema = dict[str, Any]
_CODE = re.compile("`+([^`]+)`+")


def kind_sections(schemas: Schema) -> Iterator[str]:
    """A section for each kind that `schemas` (the contract's components) describe."""
    for alternative in schemas["JobRequest"]["oneOf"]:
        kind = alternative["properties"]["kind"]["const"]
        tables = "".join(
            f"<h4>{member}</h4>{_table(alternative['properties'][member], schemas)}"
            for member in ("input", "options")
            if member in alternative["properties"]
        )
        yield f'<section id="{escape(kind)}"><h3>{escape(kind)}</h3>{tables}</section>'


def _table(schema: Schema, schemas: Schema) -> str:
    """Of one object, and of the objects in it."""
    schema = _resolved(schema, schemas)
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{_code(description)} <small>{escape(kind)}</small></td></tr>"
        for name, kind, description in _members(schema, schemas, "")
    )
    return f"<p>{_code(schema.get('description', ''))}</p><table>{rows}</table>"


def _members(schema: Schema, schemas: Schema, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Name, type and description of each member; those of members that are objects or lists of them follow."""
    for name, member in schema["properties"].items():
        choices = [_resolved(each, schemas) for each in member.get("anyOf", [member])]
        choices = [each for each in choices if each.get("type") != "null"]
        described = [member, *choices]
        text = next((each["description"] for each in described if "description" in each), "")
        yield prefix + name, " or ".join(_type(each, schemas) for each in choices), text
        for choice in choices:
            inner = _resolved(choice["items"], schemas) if "items" in choice else choice
            if "properties" in inner:
                yield from _members(inner, schemas, f"{prefix}{name}{'[]' if 'items' in choice else ''}.")


def _type(schema: Schema, schemas: Schema) -> str:
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "items" in schema:
        return f"list of {_type(_resolved(schema['items'], schemas), schemas)}"
    lowest = schema.get("minimum", schema.get("exclusiveMinimum"))
    between = (
        f" from {lowest:g} to {schema['maximum']:g}" if lowest is not None and "maximum" in schema else ""
    )
    return f"{schema.get('type', 'anything')}{between}"


def _resolved(schema: Schema, schemas: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = schemas[schema["$ref"].rpartition("/")[2]]
    return {**found, **{name: value for name, value in schema.items() if name != "$ref"}}


def _code(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
