"""The contract as OpenAPI 3.1, made from the operations and the models that check requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.contract.headers import HEADERS
from api.contract.responses.problem import Problem
from api.http.operation import Answer, Operation
from api.http.query import QueryModel
from jobs.core.settings import Settings
from jobs.kinds import Kind, Schemas

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{model}"
_PROBLEM_TYPE = "application/problem+json"
_DESCRIPTION = """Submit a document, receive an event when its PDF is ready, download it.

A request may be refused before an operation is reached, with a problem document and the end of the
connection: `400 malformed_request`, `408 request_timeout`, `414 uri_too_long`,
`429 too_many_from_address`, `431 headers_too_large`, `503 server_busy`."""
_COMMON_PROBLEMS = {503: "store_unavailable, store_full, artifacts_unavailable, shutting_down"}
_GUARDED_PROBLEMS = {401: "unauthenticated, token_invalid, token_expired", 403: "forbidden"}
_BODY_PROBLEMS = {
    400: "malformed_body",
    408: "body_timeout",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_input",
}
_QUERY_PROBLEM = {422: "invalid_input"}
_TEXT: dict[str, Any] = {"type": "string"}
_HEADER_SCHEMAS = {"Idempotency-Key": {**_TEXT, "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"}}


def openapi_document(
    operations: Sequence[Operation], settings: Settings, version: str, kinds: Mapping[str, Kind]
) -> dict[str, Any]:
    schemas, by_kind = _schemas(operations, kinds)
    schemas["JobRequest"]["oneOf"] = by_kind
    request = schemas["JobRequest"]["properties"]
    request["kind"]["enum"] = sorted(kinds)
    request["timeout_seconds"]["anyOf"][0]["maximum"] = settings.render_timeout
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pressrun",
            "version": version,
            "description": _DESCRIPTION,
        },
        "servers": [{"url": settings.base_url}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key; to read, also a token. Not needed if no API keys are set.",
                }
            },
        },
    }


def _schemas(
    operations: Sequence[Operation], kinds: Mapping[str, Kind]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns all models by name, and the alternatives for a job's input and options, by kind."""
    models: set[type[BaseModel]] = {Problem}
    for operation in operations:
        models |= {
            each.model for each in operation.answers.values() if isinstance(each, Answer) and each.model
        }
        models |= {each for each in _accepted(operation).values() if isinstance(each, type)}
    described = {name: _models_of(kind) for name, kind in sorted(kinds.items())}
    models |= {model for members in described.values() for model in members.values()}
    ordered = sorted(models, key=lambda model: model.__name__)
    references, schema = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    alternatives = [
        {
            "title": name,
            "properties": {
                "kind": {"const": name},
                **{member: references[model, "validation"] for member, model in members.items()},
            },
        }
        for name, members in described.items()
    ]
    definitions: dict[str, Any] = schema["$defs"]
    return definitions, alternatives


def _models_of(kind: Kind) -> dict[str, type[BaseModel]]:
    schemas: Callable[[], Schemas] | None = getattr(kind, "schemas", None)
    return schemas()._asdict() if schemas is not None else {}


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation),
        "security": [] if operation.guard == "open" else [{"bearer": []}, {}],
    }
    if operation.description:
        described["description"] = operation.description
    accepted = _accepted(operation)
    if accepted:
        content = {name: {"schema": _schema(each)} for name, each in accepted.items()}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _accepted(operation: Operation) -> Mapping[str, type[BaseModel] | Mapping[str, Any]]:
    return operation.body.content if operation.body else {}


def _schema(described: type[BaseModel] | Mapping[str, Any]) -> Mapping[str, Any]:
    return {"$ref": _REF.format(model=described.__name__)} if isinstance(described, type) else described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in _PATH_PARAMETER.findall(operation.path)
    ]
    if operation.query:
        parameters += _query_parameters(operation.query)
    parameters += [
        _parameter(name, "header", False, HEADERS[name], _HEADER_SCHEMAS.get(name, _TEXT))
        for name in operation.headers
    ]
    return parameters


def _query_parameters(model: type[QueryModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_REF)
    parameters = []
    for name, described in schema["properties"].items():
        # URLs have no null: a parameter without a value is left out.
        alternatives = [each for each in described.pop("anyOf", []) if each.get("type") != "null"]
        described |= alternatives[0] if alternatives else {}
        if reference := described.pop("$ref", None):
            described = {**schema["$defs"][reference.rsplit("/", 1)[1]], **described}
        if described.get("default", 0) is None:
            del described["default"]
        described.pop("title", None)
        description = described.pop("description", "")
        is_required = name in schema.get("required", [])
        parameters.append(_parameter(name, "query", is_required, description, described))
    return parameters


def _parameter(
    name: str, place: str, is_required: bool, description: str, schema: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": is_required,
        "description": description,
        "schema": schema,
    }


def _responses(operation: Operation) -> dict[str, Any]:
    problems = {**_GUARDED_PROBLEMS, **_COMMON_PROBLEMS} if operation.guard != "open" else {403: "forbidden"}
    if operation.query:
        problems |= _QUERY_PROBLEM
    if operation.body:
        problems |= _BODY_PROBLEMS
    responses = {}
    for status, answer in sorted({**problems, **operation.answers}.items()):
        responses[str(status)] = _answer(answer) if isinstance(answer, Answer) else _problem(answer)
    return responses


def _problem(codes: str) -> dict[str, Any]:
    return {"description": codes, "content": {_PROBLEM_TYPE: {"schema": _schema(Problem)}}}


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.model:
        described["content"] = {"application/json": {"schema": _schema(answer.model)}}
    if answer.media_types:
        texts = {name: {"schema": {"type": "string"}} for name in answer.media_types}
        described["content"] = described.get("content", {}) | texts
    if answer.headers:
        described["headers"] = {
            name: {"description": HEADERS[name], "schema": _TEXT} for name in answer.headers
        }
    return described
