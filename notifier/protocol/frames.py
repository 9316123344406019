"""The frames of the protocol `pressrun.v1`, as `/asyncapi.json` and `docs/push.md` describe them.

Frames from clients are parsed strictly: an unknown type or member is an error. Frames to clients
are UTF-8 bytes. Frames of events and progress contain the stored bytes as they are, and are encoded
once for all subscriptions with the same id.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from jobs.core.events import Event, ProgressUpdate
from jobs.core.job import TERMINAL

SUBPROTOCOL = "pressrun.v1"
_MAX_MESSAGE_CHARACTERS = 200

RequestId = Annotated[int, Field(ge=0, lt=2**53)] | Annotated[str, StringConstraints(max_length=64)]
"""A client's `id` for a frame; the answer has it as `reply_to`."""
_Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_Names = Annotated[tuple[_Name, ...], Field(max_length=32)]


class BadFrame(ValueError):
    """A message is not a frame of this protocol. The text tells the client's developer why."""

    def __init__(self, message: str, reply_to: int | str | None = None) -> None:
        super().__init__(message[:_MAX_MESSAGE_CHARACTERS])
        self.reply_to = reply_to


# --- from clients -------------------------------------------------------------------------------


class ClientFrame(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    id: RequestId | None = None


class Auth(ClientFrame):
    """Shows a token: first of all if the server has API keys, and again before a token expires."""

    type: Literal["auth"]
    token: Annotated[str, StringConstraints(max_length=4096)]


class EventFilter(BaseModel):
    """Conditions on events: all that are given must hold, and one value of each is enough."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    kinds: _Names = Field(default=(), description="Kinds of jobs.")
    tags: _Names = Field(default=(), description="Tags of jobs.")
    types: _Names = Field(
        default=(), description="Event types or patterns such as `job.*`; `progress` stands for progress."
    )


class Subscribe(ClientFrame):
    """Asks for the events of a job, of a batch, or of all jobs. Names one of the three.

    A job: its snapshot, then every later version. A batch: its document, then the events of its
    jobs and its own. The channel `jobs`: all events after a cursor, or from now on."""

    type: Literal["subscribe"]
    job_id: _Name | None = None
    batch_id: _Name | None = None
    channel: Literal["jobs"] | None = None
    after: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="The newest cursor that the client has. Not allowed with `job_id`."
    )
    filter: EventFilter | None = Field(default=None, description="Only with `channel`.")

    @model_validator(mode="after")
    def _asks_for_one(self) -> Subscribe:
        if [self.job_id, self.batch_id, self.channel].count(None) != 2:
            raise ValueError("name one of job_id, batch_id and channel")
        if self.job_id is not None and self.after is not None:
            raise ValueError("a job needs no cursor: its snapshot comes first")
        if self.channel is None and self.filter is not None:
            raise ValueError("only a channel has a filter")
        return self


class Unsubscribe(ClientFrame):
    type: Literal["unsubscribe"]
    subscription: _Name


class ClientPing(ClientFrame):
    type: Literal["ping"]


class ClientPong(ClientFrame):
    """Answers the server's ping."""

    type: Literal["pong"]


AnyClientFrame = Auth | Subscribe | Unsubscribe | ClientPing | ClientPong
_client_frame: TypeAdapter[AnyClientFrame] = TypeAdapter(
    Annotated[AnyClientFrame, Field(discriminator="type")]
)
_request_id: TypeAdapter[int | str] = TypeAdapter(RequestId, config=ConfigDict(strict=True))


def parse(message: str | bytes) -> AnyClientFrame:
    """Returns the client's frame.

    Raises:
        BadFrame: it is not a frame of this protocol. Binary messages never are.
    """
    if isinstance(message, bytes):
        raise BadFrame("Binary messages are not understood. Send JSON text.")
    try:
        return _client_frame.validate_json(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        what = first["msg"].removeprefix("Value error, ")
        raise BadFrame(f"{where}: {what}" if where else what, _readable_id(message)) from error
    except UnicodeEncodeError as error:
        raise BadFrame("Lone surrogates are not text.") from error


def _readable_id(message: str) -> int | str | None:
    """Returns the `id` of a frame that is wrong elsewhere, so that the error can name it."""
    try:
        return _request_id.validate_python(json.loads(message)["id"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


# --- to clients ---------------------------------------------------------------------------------


class ServerFrame(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def encode(self) -> bytes:
        """Returns the frame as JSON, without members that are None."""
        members = {name: value for name, value in self if value is not None}
        return json.dumps(members, separators=(",", ":")).encode()


class Welcome(ServerFrame):
    """Answers `auth`. `ping_interval` is in seconds; `expires_at` is when the token expires."""

    type: Literal["welcome"] = "welcome"
    reply_to: int | str | None = None
    ping_interval: int | float
    expires_at: str


class Subscribed(ServerFrame):
    """Answers `subscribe`: a job with its snapshot, a channel with a cursor, a batch with both.

    Events after the cursor follow.
    """

    type: Literal["subscribed"] = "subscribed"
    reply_to: int | str | None = None
    subscription: str
    snapshot: dict[str, Any] | None = None
    cursor: str | None = None


class Unsubscribed(ServerFrame):
    type: Literal["unsubscribed"] = "unsubscribed"
    reply_to: int | str | None = None


class Pong(ServerFrame):
    """Answers the client's ping."""

    type: Literal["pong"] = "pong"
    reply_to: int | str | None = None


class Ping(ServerFrame):
    """Comes every `ping_interval` seconds; the client answers `pong`.

    It is a frame of its own because browsers do not show pings of the WebSocket protocol.
    """

    type: Literal["ping"] = "ping"
    cursors: dict[str, str] | None = None
    """The cursor of each channel and batch subscription. It counts filtered events, too."""


class Reset(ServerFrame):
    """Events of the subscription are lost: no longer kept (`retention`), or gone with an `epoch`.

    With a snapshot, go on from that. With a cursor, list the jobs; events after the cursor follow.
    """

    type: Literal["reset"] = "reset"
    subscription: str
    reason: Literal["retention", "epoch"]
    snapshot: dict[str, Any] | None = None
    cursor: str | None = None


class EventMessage(ServerFrame):
    """One event; for a channel or batch with the cursor after it.

    (`EventFrame` and `LogEvent` encode it.)
    """

    type: Literal["event"] = "event"
    subscription: str
    cursor: str | None = None
    event: dict[str, Any]


class ProgressMessage(ServerFrame):
    """The latest progress of a job. It is not an event, and is never replayed.

    (`ProgressFrame` encodes it.)
    """

    type: Literal["progress"] = "progress"
    subscription: str
    job_id: str
    progress: dict[str, Any]


class GoAway(ServerFrame):
    """The process stops: a close with 1012 follows. Reconnect after `reconnect_in_ms`."""

    type: Literal["goaway"] = "goaway"
    reconnect_in_ms: int


class Error(ServerFrame):
    """A request failed (`reply_to`) or a subscription ended (`subscription`).

    The connection stays open.
    """

    type: Literal["error"] = "error"
    reply_to: int | str | None = None
    subscription: str | None = None
    code: str
    message: str


class EventFrame:
    __slots__ = ("_body", "_frames", "is_terminal", "version")

    def __init__(self, type: str, version: int, body: bytes) -> None:
        self.version = version
        self.is_terminal = type in _TERMINAL_EVENTS
        self._body = body
        self._frames: dict[str, bytes] = {}

    @classmethod
    def of(cls, event: Event) -> EventFrame:
        return cls(event.type, event.version or 0, event.body)

    @classmethod
    def from_body(cls, body: bytes) -> EventFrame:
        event = json.loads(body)
        return cls(event["type"], event["data"]["job"]["version"], body)

    def encode(self, subscription: str) -> bytes:
        frame = self._frames.get(subscription)
        if frame is None:
            frame = b'{"type":"event","subscription":"%b","event":%b}' % (subscription.encode(), self._body)
            self._frames[subscription] = frame
        return frame


class ProgressFrame:
    __slots__ = ("_frames", "_update", "claim", "job_id")

    def __init__(self, update: ProgressUpdate) -> None:
        self.claim = update.claim
        self.job_id = update.job_id
        self._update = update
        self._frames: dict[str, bytes] = {}

    def encode(self, subscription: str) -> bytes:
        frame = self._frames.get(subscription)
        if frame is None:
            frame = b'{"type":"progress","subscription":"%b","job_id":"%b","progress":%b}' % (
                subscription.encode(),
                self._update.job_id.encode(),
                self._update.progress,
            )
            self._frames[subscription] = frame
        return frame

    def as_data(self) -> bytes:
        return b'{"job_id":"%b","progress":%b}' % (self.job_id.encode(), self._update.progress)


_TERMINAL_EVENTS = frozenset(f"job.{status}" for status in TERMINAL)
