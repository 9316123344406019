"""Makes the HTML table of an object's members from its JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, NamedTuple

Schema = dict[str, Any]
_ALL_DIGITS = ".15g"
_CODE = re.compile("`+([^`]+)`+")


class _Member(NamedTuple):
    """One row of the table."""

    name: str
    type: str
    default: str
    """In JSON; empty if there is none, or if it is null."""
    is_required: bool
    description: str


def member_table(schema: Schema, schemas: Schema) -> str:
    """Returns the description of the object and a table with a row for each member.

    Rows for the members of nested objects follow their parent's. `schemas` are the components of
    the contract, to which `schema` refers.
    """
    schema = resolved(schema, schemas)
    about = schema.get("description")
    rows = [_row(member) for member in _members(schema, schemas, "")]
    heads = ("Name", "Type", "Default", "Meaning")
    return (f"<p>{marked(about)}</p>" if about else "") + table(rows, heads)


def table(rows: Iterable[Iterable[str]], heads: Iterable[str] = ()) -> str:
    """Returns a table of cells that are HTML. If it is wider than the page, it scrolls."""
    head = "".join(f"<th>{each}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table>{f"<tr>{head}</tr>" if head else ""}{body}</table></div>'


def resolved(schema: Schema, schemas: Schema) -> Schema:
    """Returns `schema` with its `$ref` resolved."""
    if "$ref" not in schema:
        return schema
    found: Schema = schemas[schema["$ref"].rpartition("/")[2]]
    return {**found, **{name: value for name, value in schema.items() if name != "$ref"}}


def marked(text: str) -> str:
    """Returns the HTML of a text whose only markup is backticks."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _row(member: _Member) -> tuple[str, ...]:
    default = "<b>required</b>" if member.is_required else escape(member.default)
    return f"<code>{escape(member.name)}</code>", escape(member.type), default, marked(member.description)


def _members(schema: Schema, schemas: Schema, prefix: str) -> Iterator[_Member]:
    for name, member in schema["properties"].items():
        choices = [resolved(each, schemas) for each in member.get("anyOf", [member])]
        choices = [each for each in choices if each.get("type") != "null"]
        described = [member, *choices]
        default = member.get("default")
        yield _Member(
            name=prefix + name,
            type=" or ".join(_type(each, schemas) for each in choices),
            default="" if default is None else json.dumps(default, ensure_ascii=False),
            is_required=name in schema.get("required", ()),
            description=next((each["description"] for each in described if "description" in each), ""),
        )
        for choice in choices:
            inner = resolved(choice["items"], schemas) if "items" in choice else choice
            if "properties" in inner:
                yield from _members(inner, schemas, f"{prefix}{name}{'[]' if 'items' in choice else ''}.")


def _type(schema: Schema, schemas: Schema) -> str:
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "items" in schema:
        return f"list of {_type(resolved(schema['items'], schemas), schemas)}"
    if schema.get("format") == "date-time":
        return "time"
    lowest = schema.get("minimum", schema.get("exclusiveMinimum"))
    between = ""
    if lowest is not None and "maximum" in schema:
        between = f" from {lowest:{_ALL_DIGITS}} to {schema['maximum']:{_ALL_DIGITS}}"
    return f"{schema.get('contentMediaType') or schema.get('type', 'anything')}{between}"
