"""The frames of the protocol `pressrun.v1` (design, section 7): strict parsing, cheap building. Pure.

Frames from clients are small and parsed strictly: an unknown type or member is an error, never ignored. Frames to
clients are UTF-8 bytes. Events and progress are spliced from the bytes that were stored, never re-serialised, and
encoded once for all subscriptions that share an id.
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
"""What a client puts into `id`, to find it again in `reply_to`."""
_Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_Names = Annotated[tuple[_Name, ...], Field(max_length=32)]


class BadFrame(ValueError):
    """Not a frame of this protocol. The text says why, for the developer of the client."""

    def __init__(self, message: str, reply_to: int | str | None = None) -> None:
        super().__init__(message[:_MAX_MESSAGE_CHARACTERS])
        self.reply_to = reply_to


# --- from clients ---------------------------------------------------------------------------------------------


class ClientFrame(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    id: RequestId | None = None


class Auth(ClientFrame):
    """The first frame where credentials are configured; again, any time, with a fresh token."""

    type: Literal["auth"]
    token: Annotated[str, StringConstraints(max_length=4096)]


class EventFilter(BaseModel):
    """Which events a channel subscription is about. All members must fit; one value of each suffices."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    kinds: _Names = Field(default=(), description="Kinds of jobs.")
    tags: _Names = Field(default=(), description="Tags of jobs.")
    types: _Names = Field(
        default=(), description="Event types or patterns such as `job.*`; `progress` stands for progress."
    )


class Subscribe(ClientFrame):
    """Asks for one of three: a job (its snapshot, then every later version), a batch (its document, then the events
    of its jobs and its own), or the channel of all jobs (events after a cursor, or from now)."""

    type: Literal["subscribe"]
    job_id: _Name | None = None
    batch_id: _Name | None = None
    channel: Literal["jobs"] | None = None
    after: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="The newest cursor that the client has. Not for jobs."
    )
    filter: EventFilter | None = Field(default=None, description="For channels.")

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
    """The client's frame. Raises BadFrame; binary messages are never frames."""
    if isinstance(message, bytes):
        raise BadFrame("Binary messages are not understood. Send JSON text.")
    try:
        return _client_frame.validate_json(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        raise BadFrame(
            f"{where}: {first['msg']}" if where else first["msg"], _readable_id(message)
        ) from error
    except UnicodeEncodeError as error:
        raise BadFrame("Lone surrogates are not text.") from error


def _readable_id(message: str) -> int | str | None:
    """The `id` of a frame that is wrong elsewhere, so that its sender learns which one it was."""
    try:
        return _request_id.validate_python(json.loads(message)["id"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


# --- to clients -----------------------------------------------------------------------------------------------


class ServerFrame(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def encode(self) -> bytes:
        """The frame as JSON; members that are None are left out."""
        members = {name: value for name, value in self if value is not None}
        return json.dumps(members, separators=(",", ":")).encode()


class Welcome(ServerFrame):
    """The answer to every `auth`. `ping_interval` is in seconds; `expires_at` is the token's."""

    type: Literal["welcome"] = "welcome"
    reply_to: int | str | None = None
    ping_interval: int | float
    expires_at: str


class Subscribed(ServerFrame):
    """Of a job: with its snapshot. Of a channel: with the cursor after which events follow. Of a batch: with both."""

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
    """Every `ping_interval`; the client answers `pong`. Of the application: browsers do not see protocol pings."""

    type: Literal["ping"] = "ping"
    cursors: dict[str, str] | None = None
    """How far each channel and batch subscription has come, events that its filter left out included."""


class Reset(ServerFrame):
    """Events of the subscription are gone for good: no longer kept, or lost with the log (`epoch`).

    With a snapshot: go on from that. With a cursor: list the jobs to see where they stand; events after it follow.
    """

    type: Literal["reset"] = "reset"
    subscription: str
    reason: Literal["retention", "epoch"]
    snapshot: dict[str, Any] | None = None
    cursor: str | None = None


class EventMessage(ServerFrame):
    """One event. To a channel or batch with the cursor after it. (`EventFrame` and `LogEvent` splice these.)"""

    type: Literal["event"] = "event"
    subscription: str
    cursor: str | None = None
    event: dict[str, Any]


class ProgressMessage(ServerFrame):
    """How far a job is; the latest only, and never logged. (`ProgressFrame` splices these.)"""

    type: Literal["progress"] = "progress"
    subscription: str
    job_id: str
    progress: dict[str, Any]


class GoAway(ServerFrame):
    """A close with 1012 follows; reconnect that long after it."""

    type: Literal["goaway"] = "goaway"
    reconnect_in_ms: int


class Error(ServerFrame):
    """A request failed (`reply_to`), or a subscription ended (`subscription`). The connection goes on."""

    type: Literal["error"] = "error"
    reply_to: int | str | None = None
    subscription: str | None = None
    code: str
    message: str


class EventFrame:
    """A job's event, ready for any number of subscriptions."""

    __slots__ = ("_body", "_frames", "is_terminal", "version")

    def __init__(self, type: str, version: int, body: bytes) -> None:
        self.version = version
        self.is_terminal = type in _TERMINAL_EVENTS
        self._body = body
        self._frames: dict[str, bytes] = {}

    @classmethod
    def of(cls, event: Event) -> EventFrame:
        """Of an event of a job."""
        return cls(event.type, event.version or 0, event.body)

    @classmethod
    def from_body(cls, body: bytes) -> EventFrame:
        """From a body as the event log keeps it."""
        event = json.loads(body)
        return cls(event["type"], event["data"]["job"]["version"], body)

    def encode(self, subscription: str) -> bytes:
        frame = self._frames.get(subscription)
        if frame is None:
            frame = b'{"type":"event","subscription":"%b","event":%b}' % (subscription.encode(), self._body)
            self._frames[subscription] = frame
        return frame


class ProgressFrame:
    """How far a job is, ready for any number of subscriptions."""

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
        """As the `data` of a server-sent event."""
        return b'{"job_id":"%b","progress":%b}' % (self.job_id.encode(), self._update.progress)


_TERMINAL_EVENTS = frozenset(f"job.{status}" for status in TERMINAL)
