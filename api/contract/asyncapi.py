"""The push protocol as AsyncAPI 3.0, made from the models that parse and build its frames."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.contract.responses.batches import BatchDocument
from api.contract.responses.events import EventDocument
from api.contract.responses.jobs import JobDocument, ProgressDocument
from jobs.core.settings import Settings
from notifier.protocol import frames
from notifier.protocol.close_codes import CloseCode
from notifier.protocol.session import DEFAULT_SESSION_TIMING

_FROM_CLIENTS: tuple[type[BaseModel], ...] = (
    frames.Auth, frames.Subscribe, frames.Unsubscribe, frames.ClientPing, frames.ClientPong,
)  # fmt: skip
_TO_CLIENTS: tuple[type[BaseModel], ...] = (
    frames.Welcome,
    frames.Subscribed,
    frames.Unsubscribed,
    frames.EventMessage,
    frames.ProgressMessage,
    frames.Ping,
    frames.Pong,
    frames.Reset,
    frames.GoAway,
    frames.Error,
)
_DOCUMENTS: tuple[type[BaseModel], ...] = (JobDocument, BatchDocument, EventDocument, ProgressDocument)
_REPLIES: dict[type[BaseModel], tuple[type[BaseModel], ...]] = {
    frames.Auth: (frames.Welcome, frames.Error),
    frames.Subscribe: (frames.Subscribed, frames.Error),
    frames.Unsubscribe: (frames.Unsubscribed, frames.Error),
    frames.ClientPing: (frames.Pong,),
}
_SCHEMA = "#/components/schemas/{model}"
_CHANNEL = {"$ref": "#/channels/push"}


def asyncapi_document(settings: Settings, version: str) -> dict[str, Any]:
    messages = [*_FROM_CLIENTS, *_TO_CLIENTS]
    url = urlsplit(settings.ws_url)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pressrun push",
            "version": version,
            "description": "Every change of a job, as it happens, over a WebSocket. The same events come as "
            "server-sent events from `GET /v1/events` (see the OpenAPI document).",
        },
        "servers": {"pressrun": {"host": url.netloc, "protocol": url.scheme}},
        "defaultContentType": "application/json",
        "channels": {
            "push": {
                "address": url.path,
                "description": "JSON text frames, subprotocol `pressrun.v1`. If API keys are set, the first frame is "
                f"`auth`. The server pings every {DEFAULT_SESSION_TIMING.ping_interval_s} s.",
                "messages": {
                    each.__name__: {"$ref": f"#/components/messages/{each.__name__}"} for each in messages
                },
                "bindings": {"ws": {"method": "GET"}},
                "x-close-codes": {str(int(code)): code.name.lower() for code in CloseCode},
            }
        },
        "operations": _operations(),
        "components": {
            "messages": {each.__name__: _message(each) for each in messages},
            "schemas": _schemas(),
        },
    }


def _operations() -> dict[str, Any]:
    """Returns the operations from the server's side: it receives what clients send."""
    operations: dict[str, Any] = {}
    for model in _FROM_CLIENTS:
        operations[f"receive{model.__name__}"] = _operation("receive", model)
    for model, replies in _REPLIES.items():
        operations[f"receive{model.__name__}"]["reply"] = {
            "channel": _CHANNEL,
            "messages": [_in_channel(reply) for reply in replies],
        }
    answered = {reply for replies in _REPLIES.values() for reply in replies} - {frames.Error}
    for model in _TO_CLIENTS:
        if model not in answered:
            operations[f"send{model.__name__}"] = _operation("send", model)
    return operations


def _operation(action: str, model: type[BaseModel]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": _CHANNEL,
        "summary": _summary(model),
        "messages": [_in_channel(model)],
    }


def _in_channel(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/channels/push/messages/{model.__name__}"}


def _message(model: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": model.model_fields["type"].annotation.__args__[0],  # type: ignore[union-attr]
        "summary": _summary(model),
        "payload": {"$ref": _SCHEMA.format(model=model.__name__)},
    }


def _summary(model: type[BaseModel]) -> str:
    """The first paragraph of the docstring."""
    return " ".join((model.__doc__ or model.__name__).partition("\n\n")[0].split())


def _schemas() -> dict[str, Any]:
    models = [(model, "validation") for model in (*_FROM_CLIENTS, *_TO_CLIENTS, *_DOCUMENTS)]
    _, schema = models_json_schema(models, ref_template=_SCHEMA)  # type: ignore[arg-type]
    definitions: dict[str, Any] = schema["$defs"]
    for model in _TO_CLIENTS:
        described = definitions[model.__name__]
        described["required"] = ["type", *described.get("required", [])]
        for name, member in described["properties"].items():
            described["properties"][name] = _without_null(member)
    _refer(definitions, frames.EventMessage, "event", EventDocument)
    _refer(definitions, frames.ProgressMessage, "progress", ProgressDocument)
    for model in (frames.Subscribed, frames.Reset):
        _refer(definitions, model, "snapshot", JobDocument, BatchDocument)
    return definitions


def _without_null(member: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema without null: frames to clients leave out members without a value."""
    if "anyOf" in member:
        alternatives = [each for each in member["anyOf"] if each.get("type") != "null"]
        rest = {name: value for name, value in member.items() if name not in ("anyOf", "default")}
        return rest | _any_of(alternatives)
    return member


def _refer(
    definitions: dict[str, Any], model: type[BaseModel], member: str, *documents: type[BaseModel]
) -> None:
    """Describes a member that carries one of `documents`, as it is stored."""
    references = [{"$ref": _SCHEMA.format(model=document.__name__)} for document in documents]
    definitions[model.__name__]["properties"][member] = _any_of(references)


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
