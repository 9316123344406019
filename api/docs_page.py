"""`/docs`: the contract for people, one static page."""

from __future__ import annotations

from html import escape
from typing import Any

from api.kind_docs import kind_sections
from api.operations import phrase
from api.problems import INTERNAL_DETAIL, ROUTING_PROBLEMS
from jobs.errors import JobError, PressrunError, RequestError, StoreError, by_code


def docs_page(template: str, contract: dict[str, Any]) -> str:
    """The page: `template` filled from an OpenAPI document and the tree of errors."""
    operations = "".join(
        _section(method, path, operation)
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
    )
    kinds = "".join(kind_sections(contract["components"]["schemas"]))
    return (
        template.replace("{operations}", operations)
        .replace("{kinds}", kinds)
        .replace("{problems}", _problems())
        .replace("{job_errors}", _job_errors())
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


def _problems() -> str:
    """Every error that can be an answer. Its `type` leads here."""
    texts = {code: f"{status}. {detail}" for status, (code, detail) in ROUTING_PROBLEMS.items()}
    texts[PressrunError.code] = f"500. {INTERNAL_DETAIL}"
    for code, error in (by_code(RequestError) | by_code(StoreError)).items():
        texts[code] = f"{error.status}. {_meaning(error)}"
    return "".join(_definition(code, code, texts[code]) for code in sorted(texts))


def _job_errors() -> str:
    """Every error that a job can end with. Some share their code with an answer, so that they are anchored apart."""
    return "".join(
        _definition(
            f"job-{code}", code, f"{'Retryable' if error.retryable else 'Not retryable'}. {_meaning(error)}"
        )
        for code, error in sorted(by_code(JobError).items())
    )


def _meaning(error: type[PressrunError]) -> str:
    return (error.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("`", "")


def _definition(anchor: str, code: str, text: str) -> str:
    return f'<dt id="{anchor}">{code}</dt><dd>{escape(text)}</dd>'
