"""The operations about templates, for `api.contract.operations`."""

from __future__ import annotations

from api.contract import responses as answers
from api.contract.operation import Answer, Operation
from api.templates import schemas as schemas

_TEMPLATE = "/v1/templates/{name}"
_NO_TEMPLATE = {404: "template_not_found"}
_BODY = {400: "malformed_body", 413: "body_too_large", 415: "unsupported_media_type"}

TEMPLATE_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/v1/templates",
        id="listTemplates",
        summary="List templates by name, each with its newest version",
        guard="key",
        query=schemas.TemplateListQuery,
        answers={200: Answer("A page of templates.", schemas.TemplateList)},
    ),
    Operation(
        method="PUT",
        path=_TEMPLATE,
        id="putTemplate",
        summary="Make a new version of a template, or the template itself",
        guard="key",
        body=schemas.TemplateRequest,
        answers={
            200: Answer("The newest version had this content already.", schemas.TemplateVersionDocument),
            201: Answer("The new version.", schemas.TemplateVersionDocument, headers=("Location",)),
        },
        problems={**_BODY, 409: "template_limit", 503: "store_unavailable, store_full, check_unavailable"},
    ),
    Operation(
        method="GET",
        path=_TEMPLATE,
        id="getTemplate",
        summary="Get the newest version of a template",
        guard="key",
        answers={200: Answer("The version.", schemas.TemplateDocument)},
        problems=_NO_TEMPLATE,
    ),
    Operation(
        method="DELETE",
        path=_TEMPLATE,
        id="deleteTemplate",
        summary="Delete a template with all its versions; accepted jobs keep theirs",
        guard="key",
        answers={204: Answer("Gone.")},
        problems=_NO_TEMPLATE,
    ),
    Operation(
        method="GET",
        path=f"{_TEMPLATE}/versions",
        id="listTemplateVersions",
        summary="List the versions of a template, newest first",
        guard="key",
        query=schemas.TemplateListQuery,
        answers={200: Answer("A page of versions.", schemas.TemplateList)},
        problems=_NO_TEMPLATE,
    ),
    Operation(
        method="GET",
        path=f"{_TEMPLATE}/versions/{{version}}",
        id="getTemplateVersion",
        summary="Get a version of a template",
        guard="key",
        answers={200: Answer("The version.", schemas.TemplateDocument)},
        problems=_NO_TEMPLATE,
    ),
    Operation(
        method="POST",
        path=f"{_TEMPLATE}/preview",
        id="previewTemplate",
        summary="Turn a template into a PDF with its sample data, or with other data",
        guard="key",
        body=schemas.PreviewRequest,
        headers=("Idempotency-Key", "Prefer"),
        answers={
            200: Answer(
                "The PDF, where `Prefer: wait` was sent and it was done in time.",
                media_types=("application/pdf",),
                headers=(
                    "ETag",
                    "Content-Disposition",
                    "Preference-Applied",
                    "Content-Location",
                    "Idempotent-Replayed",
                    "Pressrun-Warnings",
                ),
            ),
            202: Answer(
                "Accepted: written and queued before this answer was sent.",
                answers.AcceptedJob,
                headers=("Location", "Idempotent-Replayed", "Preference-Applied"),
            ),
        },
        problems={
            **_BODY,
            **_NO_TEMPLATE,
            422: "job_failed, invalid_input, idempotency_key_reused",
            429: "queue_full",
            503: "store_unavailable, store_full, check_unavailable",
        },
    ),
)
