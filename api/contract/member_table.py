"""Makes the HTML table of an object's members from its JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

Schema = dict[str, Any]
_ALL_DIGITS = ".15g"
_CODE = re.compile("`+([^`]+)`+")


def member_table(schema: Schema, schemas: Schema) -> str:
    """Returns the description of the object and a table with a row for each member.

    Rows for the members of nested objects follow their parent's. `schemas` are the components of
    the contract, to which `schema` refers.
    """
    schema = resolved(schema, schemas)
    about = schema.get("description")
    heads = ("Name", "Type", "Default", "Meaning")
    return (f"<p>{marked(about)}</p>" if about else "") + table(_rows(schema, schemas, ""), heads)


def table(rows: Iterable[Iterable[str]], heads: Iterable[str] = ()) -> str:
    """Returns a table of cells that are HTML. If it is wider than the page, it scrolls."""
    head = "".join(f"<th>{each}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table>{f"<tr>{head}</tr>" if head else ""}{body}</table></div>'


def resolved(schema: Schema, schemas: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = schemas[schema["$ref"].rpartition("/")[2]]
    return {**found, **{name: value for name, value in schema.items() if name != "$ref"}}


def marked(text: str) -> str:
    """Returns the HTML of a text whose only markup is backticks."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _rows(schema: Schema, schemas: Schema, prefix: str) -> Iterator[tuple[str, ...]]:
    for name, member in schema["properties"].items():
        choices = [resolved(each, schemas) for each in member.get("anyOf", [member])]
        choices = [each for each in choices if each.get("type") != "null"]
        described = [member, *choices]
        if name in schema.get("required", ()):
            default = "<b>required</b>"
        else:  # null is as good as none
            value = member.get("default")
            default = "" if value is None else escape(json.dumps(value, ensure_ascii=False))
        yield (
            f"<code>{escape(prefix + name)}</code>",
            escape(" or ".join(_type(each, schemas) for each in choices)),
            default,
            marked(next((each["description"] for each in described if "description" in each), "")),
        )
        shown: list[Schema] = []
        for choice in choices:
            inner = resolved(choice["items"], schemas) if "items" in choice else choice
            if "properties" in inner and inner not in shown:  # an object, or a list of such objects
                shown.append(inner)
                yield from _rows(inner, schemas, f"{prefix}{name}{'[]' if 'items' in choice else ''}.")


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
