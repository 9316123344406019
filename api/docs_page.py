"""`/docs`: the contract for people, one static page."""

from __future__ import annotations

from html import escape
from typing import Any

from api.kind_docs import kind_sections
from api.operations import phrase
from jobs.errors import PressrunError, RequestError, StoreError


def docs_page(template: str, contract: dict[str, Any]) -> str:
    """The page: `template` filled from an OpenAPI document and the tree of errors."""
    operations = "".join(
        _section(method, path, operation)
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
    )
    problems = "".join(_problem(error) for error in sorted(_answered(), key=lambda error: error.code))
    kinds = "".join(kind_sections(contract["components"]["schemas"]))
    return (
        template.replace("{operations}", operations).replace("{kinds}", kinds).replace("{problems}", problems)
    )


def _section(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (f"{escape(each['name'])} <small>({each['in']})</small>", each.get("description", ""))
        for each in operation["parameters"]
        if each["in"] != "path"
    ]
    for media_type in operation.get("requestBody", {}).get("content", {}):
        rows.append(("body", media_type))
    rows += [
        (phrase(int(status)), answer["description"]) for status, answer in operation["responses"].items()
    ]
    table = "".join(f"<tr><td>{name}</td><td>{escape(text)}</td></tr>" for name, text in rows)
    return (
        f'<section id="{operation["operationId"]}"><h3><b>{method.upper()}</b> {escape(path)}</h3>'
        f"<p>{escape(operation['summary'])}.</p><table>{table}</table></section>"
    )


def _answered() -> set[type[RequestError] | type[StoreError]]:
    """Every error that can be an answer, one for each code."""
    found: dict[str, Any] = {}
    waiting: list[type[PressrunError]] = [RequestError, StoreError]
    while waiting:
        error = waiting.pop()
        found.setdefault(error.code, error)
        waiting += error.__subclasses__()
    found.pop(PressrunError.code, None)
    return set(found.values())


def _problem(error: type[RequestError] | type[StoreError]) -> str:
    text = (error.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("`", "")
    return f'<dt id="{error.code}">{error.code}</dt><dd>{error.status}. {escape(text)}</dd>'
