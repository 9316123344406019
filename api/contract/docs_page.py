"""`/docs`: the contract as one static page for people."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Any

from api.contract.member_table import Schema, marked, member_table, resolved, table
from api.http.problems import INTERNAL_DETAIL, ROUTING_PROBLEMS
from jobs.core.errors import PressrunError, by_code
from jobs.core.errors.job import JobError
from jobs.core.errors.request import RequestError
from jobs.core.errors.store import StoreError


def docs_page(template: str, contract: dict[str, Any]) -> str:
    """Fills the `template` of the page from an OpenAPI document and the tree of errors."""
    schemas = contract["components"]["schemas"]
    operations = "".join(
        _section(method, path, operation, schemas)
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
    )
    return (
        template.replace("{contents}", _contents(contract))
        .replace("{operations}", operations)
        .replace("{kinds}", "".join(_kind_section(kind, schemas) for kind in _kinds(schemas)))
        .replace("{problems}", _problems())
        .replace("{job_errors}", _job_errors())
    )


def _contents(contract: dict[str, Any]) -> str:
    """Returns links to all operations, by path, and to the kinds of jobs."""

    def link(method: str, operation: dict[str, Any]) -> str:
        title = escape(operation["summary"].replace("`", ""))
        return f'<a href="#{operation["operationId"]}" title="{title}">{method.upper()}</a>'

    paths = "".join(
        f"<li><code>{escape(path)}</code> " + " ".join(link(*each) for each in methods.items())
        for path, methods in contract["paths"].items()
    )
    names = [escape(kind["kind"]["const"]) for kind in _kinds(contract["components"]["schemas"])]
    kinds = ", ".join(f'<a href="#{name}">{name}</a>' for name in names)
    return (
        f'<ul>{paths}</ul><p><a href="#kinds">Kinds of jobs</a>: {kinds}. '
        '<a href="#errors">Error codes</a>. <a href="#job-errors">Errors of jobs</a>.</p>'
    )


def _section(method: str, path: str, operation: dict[str, Any], schemas: Schema) -> str:
    parts = [
        f"<h3><b>{method.upper()}</b> {escape(path)}</h3>",
        f"<p>{marked(operation['summary'])}. {marked(operation.get('description', ''))}</p>",
    ]
    for title, place in (("Query", "query"), ("Headers", "header")):
        parameters = [each for each in operation["parameters"] if each["in"] == place]
        if parameters:
            parts.append(f"<h4>{title}</h4>{member_table(_as_object(parameters), schemas)}")
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h4>Body: <code>{escape(media_type)}</code></h4>")
        if "properties" in resolved(content["schema"], schemas):
            parts.append(member_table(content["schema"], schemas))
    answers = (
        (f"{status} {HTTPStatus(int(status)).phrase}", marked(answer["description"]))
        for status, answer in operation["responses"].items()
    )
    parts.append(f"<h4>Answers</h4>{table(answers)}")
    return f'<section id="{operation["operationId"]}">{"".join(parts)}</section>'


def _kinds(schemas: Schema) -> list[Schema]:
    """Returns the members of a `JobRequest` for each kind of job."""
    return [alternative["properties"] for alternative in schemas["JobRequest"]["oneOf"]]


def _kind_section(kind: Schema, schemas: Schema) -> str:
    name = escape(kind["kind"]["const"])
    tables = "".join(
        f"<h4>{member}</h4>{member_table(kind[member], schemas)}"
        for member in ("input", "options")
        if member in kind
    )
    return f'<section id="{name}"><h3>{name}</h3>{tables}</section>'


def _as_object(parameters: list[dict[str, Any]]) -> Schema:
    """Returns the schema of an object that has the parameters as its members."""
    return {
        "properties": {
            each["name"]: {**each["schema"], "description": each["description"]} for each in parameters
        },
        "required": [each["name"] for each in parameters if each["required"]],
    }


def _problems() -> str:
    """Lists every error that can be an answer. The `type` of a problem is a link to its entry."""
    texts = {code: f"{status}. {detail}" for status, (code, detail) in ROUTING_PROBLEMS.items()}
    texts[PressrunError.code] = f"500. {INTERNAL_DETAIL}"
    for code, error in (by_code(RequestError) | by_code(StoreError)).items():
        texts[code] = f"{error.status}. {_meaning(error)}"
    return "".join(_definition(code, code, texts[code]) for code in sorted(texts))


def _job_errors() -> str:
    """Lists every error that a job can end with.

    Their anchors have a prefix, because some have the code of an answer, too.
    """
    return "".join(
        _definition(
            f"job-{code}", code, f"{'Retryable' if error.retryable else 'Not retryable'}. {_meaning(error)}"
        )
        for code, error in sorted(by_code(JobError).items())
    )


def _meaning(error: type[PressrunError]) -> str:
    return (error.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _definition(anchor: str, code: str, text: str) -> str:
    return f'<dt id="{anchor}">{code}</dt><dd>{marked(text)}</dd>'
