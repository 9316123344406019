"""One client's side of the protocol `pressrun.v1`: frames and times in, frames and a decision to close out.

Pure: no event loop, no clock, no store. An adapter owns the socket. It calls `receive` for every message and `tick`
when `deadline` has come, takes what `next_frame` gives while the socket has room, and closes when `closing` is set and
no frame is left. Subscriptions go to a `Desk`, which feeds them; `wake` tells the adapter that there is something to
send. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from jobs.core.errors.request import InvalidInput, TokenExpired, TokenInvalid
from jobs.core.events import Cursor
from jobs.core.ids import is_job_id
from jobs.core.job import Job
from jobs.core.tokens import Grant
from notifier.protocol import frames
from notifier.protocol.channel_subscription import ChannelSubscription, ResetReason
from notifier.protocol.close_codes import Close, CloseCode
from notifier.protocol.filters import EVERYTHING, Filter
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.job_subscription import JobSubscription
from notifier.protocol.log_event import LogEvent
from notifier.protocol.send_buffer import SendBuffer, progress_key
from notifier.protocol.token_scopes import TokenScopes

AUTH_TIMEOUT_S = 5
PING_INTERVAL_S = 25
"""Between two pings. A client that has sent nothing from one ping to the next is gone: found within a minute."""
MAX_MESSAGE_BYTES = 16 * 1024
MAX_SUBSCRIPTIONS = 100

_TOO_MANY_CONNECTIONS = "the tenant has too many connections"

Subscription = JobSubscription | ChannelSubscription


class Feeds(Protocol):
    """Where subscriptions to channels and batches are served."""

    def open(self, subscription: ChannelSubscription) -> None:
        """Feeds the subscription from now on."""

    def close(self, subscription: ChannelSubscription) -> None:
        """Feeds it no more."""


class Limits(Protocol):
    """How many connections and subscriptions a tenant may have."""

    def connect(self, tenant: str, occupant: Session) -> bool: ...

    def disconnect(self, tenant: str, occupant: Session) -> None: ...

    def subscribe(self, tenant: str) -> bool: ...

    def unsubscribe(self, tenant: str) -> None: ...


class Desk(Protocol):
    """Where subscriptions are served: the hub."""

    @property
    def feeds(self) -> Feeds: ...

    @property
    def limits(self) -> Limits: ...

    def watch(self, subscription: JobSubscription) -> None:
        """Feeds the subscription from now on: first a snapshot or `not_found`, then events."""

    def unwatch(self, subscription: JobSubscription) -> None:
        """Feeds it no more."""


class Session:
    """A connection's state. With a `tenant` the client needs no token and may follow all of its jobs."""

    __slots__ = (
        "_answered",
        "_desk",
        "_grants",
        "_is_counted",
        "_made",
        "_next_ping",
        "_outbox",
        "_replaying",
        "_started_at",
        "_subscriptions",
        "_verify",
        "_wake",
        "closing",
        "tenant",
    )

    def __init__(
        self,
        *,
        verify: Callable[[str, float], Grant],
        desk: Desk,
        wake: Callable[[], None],
        now: float,
        tenant: str | None = None,
    ) -> None:
        self._verify = verify
        self._desk = desk
        self._wake = wake
        self._started_at = now
        self._next_ping = now + PING_INTERVAL_S
        self._answered = True
        self._grants = TokenScopes(is_unlimited=tenant is not None)
        self._is_counted = False
        self._subscriptions: dict[str, Subscription] = {}
        self._made = 0
        self._outbox = SendBuffer()
        self._replaying: list[ChannelSubscription] = []
        """Those with a page of the log to pull from."""
        self.tenant = tenant
        self.closing: Close | None = None
        """Set once the connection is to be closed, after the frames that are left."""

    # --- what the adapter calls ---------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """When `tick` must be called, at the latest."""
        if not self._grants:
            return self._started_at + AUTH_TIMEOUT_S
        return min(self._next_ping, self._grants.next_end)

    def begin(self) -> None:
        """The connection stands, and frames can be taken."""
        if self.tenant is not None:
            self._count(self.tenant)

    def receive(self, message: str | bytes, now: float) -> None:
        """One message of the client's. Bad ones end the connection, never the process."""
        if self.closing is not None:
            return
        self._answered = True
        if len(message) > MAX_MESSAGE_BYTES:
            return self._close(CloseCode.MESSAGE_TOO_BIG, f"a message may have {MAX_MESSAGE_BYTES} bytes")
        try:
            frame = frames.parse(message)
        except frames.BadFrame as error:
            self._send(frames.Error(reply_to=error.reply_to, code="bad_frame", message=str(error)).encode())
            return self._close(CloseCode.BAD_FRAME, str(error))
        if isinstance(frame, frames.Auth):
            return self._authenticate(frame, now)
        if not self._grants:
            return self._close(CloseCode.UNAUTHENTICATED, "the first frame must be auth")
        match frame:
            case frames.Subscribe():
                self._subscribe(frame)
            case frames.Unsubscribe():
                self._unsubscribe(frame)
            case frames.ClientPing():
                self._send(frames.Pong(reply_to=frame.id).encode())
            case frames.ClientPong():
                pass
        return None

    def tick(self, now: float) -> None:
        """Does what has become due: ends an unauthenticated, expired or silent connection, or pings."""
        if self.closing is not None or now < self.deadline:
            return
        if not self._grants:
            return self._close(CloseCode.UNAUTHENTICATED, f"no auth frame within {AUTH_TIMEOUT_S} s")
        if self._grants.expire(now) and not all(map(self._is_covered, self._subscriptions.values())):
            return self._close(CloseCode.TOKEN_EXPIRED, "the token has expired")
        if not self._grants:
            return self._close(CloseCode.TOKEN_EXPIRED, "the token has expired")
        if now >= self._next_ping:
            if not self._answered:
                return self._close(CloseCode.UNRESPONSIVE, "pings were not answered")
            self._answered = False
            self._next_ping = now + PING_INTERVAL_S
            self._send(frames.Ping(cursors=self._cursors()).encode())
        return None

    def next_frame(self) -> bytes | None:
        """The next frame to send: what waits in order, then replays at the client's pace, then progress."""
        frame = self._outbox.take()
        if frame is not None:
            return frame
        while self._replaying:
            subscription = self._replaying[0]
            event = subscription.pull()
            if event is not None:
                return event.encode(subscription.id)
            self._replaying.remove(subscription)
        return self._outbox.take_progress()

    def go_away(self, reconnect_in_ms: int) -> None:
        """The process stops: tells the client when to come back, and closes."""
        if self.closing is None:
            self._send(frames.GoAway(reconnect_in_ms=reconnect_in_ms).encode())
            self._close(CloseCode.RESTART, "restarting")

    def evict(self) -> None:
        """The tenant turned out to have too many connections."""
        if self.closing is None:
            self._close(CloseCode.TOO_MANY_CONNECTIONS, _TOO_MANY_CONNECTIONS)

    def end(self) -> None:
        """The connection is gone. Harmless to repeat."""
        for subscription_id in list(self._subscriptions):
            self._forget(subscription_id)
        if self._is_counted and self.tenant is not None:
            self._is_counted = False
            self._desk.limits.disconnect(self.tenant, self)
        self._outbox.clear_progress()

    # --- what subscriptions to jobs call ------------------------------------------------------------------------

    def subscribed(self, subscription: JobSubscription, job: Job) -> bool:
        if not self._grants.cover_job(job.id, job.document.get("batch_id")):
            # A token for a batch learns nothing about jobs outside of it, not even that they exist.
            self.job_is_gone(subscription)
            return False
        self._send(
            frames.Subscribed(
                reply_to=subscription.reply_to, subscription=subscription.id, snapshot=job.document
            ).encode()
        )
        return True

    def send_event(self, subscription: JobSubscription, frame: bytes) -> None:
        self._outbox.drop_progress(progress_key(subscription.id, subscription.job_id))  # overtaken
        self._send(frame)

    def send_progress(self, subscription: JobSubscription, frame: bytes) -> None:
        self._send_progress(progress_key(subscription.id, subscription.job_id), frame)

    def reset(self, subscription: JobSubscription, job: Job, reason: ResetReason) -> None:
        self._outbox.drop_progress(progress_key(subscription.id, subscription.job_id))
        self._send(frames.Reset(subscription=subscription.id, reason=reason, snapshot=job.document).encode())

    def job_is_gone(self, subscription: JobSubscription) -> None:
        self._say_gone(subscription, subscription.version is None, "job")

    # --- what subscriptions to channels and batches call --------------------------------------------------------

    def opened(self, subscription: ChannelSubscription, snapshot: dict[str, Any] | None) -> None:
        self._send(
            frames.Subscribed(
                reply_to=subscription.reply_to,
                subscription=subscription.id,
                snapshot=snapshot,
                cursor=str(subscription.cursor),
            ).encode()
        )

    def has_page(self, subscription: ChannelSubscription) -> None:
        self._replaying.append(subscription)
        self._wake()

    def live_event(self, subscription: ChannelSubscription, event: LogEvent) -> None:
        self._outbox.drop_progress(progress_key(subscription.id, event.subject.job_id))
        self._send(event.encode(subscription.id))

    def live_progress(self, subscription: ChannelSubscription, progress: ProgressFrame) -> None:
        self._send_progress(progress_key(subscription.id, progress.job_id), progress.encode(subscription.id))

    def log_reset(
        self, subscription: ChannelSubscription, reason: ResetReason, snapshot: dict[str, Any] | None
    ) -> None:
        self._send(
            frames.Reset(
                subscription=subscription.id,
                reason=reason,
                snapshot=snapshot,
                cursor=str(subscription.cursor),
            ).encode()
        )

    def not_found(self, subscription: ChannelSubscription) -> None:
        self._say_gone(subscription, not subscription.is_open, "batch")

    # --- frames ---------------------------------------------------------------------------------------------------

    def _authenticate(self, frame: frames.Auth, now: float) -> None:
        try:
            grant = self._verify(frame.token, now)
        except TokenExpired:
            return self._close(CloseCode.TOKEN_EXPIRED, "the token has expired")
        except TokenInvalid:
            return self._close(CloseCode.UNAUTHENTICATED, "the token is not valid")
        if self.tenant not in (None, grant.tenant):
            return self._close(CloseCode.FORBIDDEN, "the token is not for this connection's tenant")
        if len(self._grants) > MAX_SUBSCRIPTIONS:
            return self._refuse(frame, "too_many_tokens", f"A connection may use {MAX_SUBSCRIPTIONS} tokens.")
        if self.tenant is None:
            self.tenant = grant.tenant
            self._next_ping = now + PING_INTERVAL_S
            if not self._count(grant.tenant):
                return None
        self._grants.add(grant)
        expires_at = datetime.fromtimestamp(grant.expires_at, UTC).isoformat(timespec="milliseconds")
        welcome = frames.Welcome(
            reply_to=frame.id, ping_interval=PING_INTERVAL_S, expires_at=expires_at.replace("+00:00", "Z")
        )
        return self._send(welcome.encode())

    def _subscribe(self, frame: frames.Subscribe) -> None:
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            message = (
                f"A connection may have {MAX_SUBSCRIPTIONS} subscriptions. Unsubscribe from finished jobs."
            )
            return self._refuse(frame, "too_many_subscriptions", message)
        if not self._is_allowed(frame):
            # Decided by the token alone, so it does not tell whether the job exists.
            return self._refuse(
                frame, "forbidden", "The token is not for this. Send `auth` with one that is."
            )
        if frame.job_id is not None:
            return self._follow_job(frame, frame.job_id)
        return self._follow_channel(frame)

    def _keep(self, frame: frames.Subscribe, subscription: Subscription) -> bool:
        """Adds the subscription, where the tenant has room for it."""
        if not self._desk.limits.subscribe(subscription.tenant):
            message = (
                "The tenant has too many subscriptions. Unsubscribe from finished jobs, or raise the limit."
            )
            self._refuse(frame, "too_many_subscriptions", message)
            return False
        self._subscriptions[subscription.id] = subscription
        return True

    def _is_allowed(self, frame: frames.Subscribe) -> bool:
        if frame.job_id is not None:
            return self._grants.may_cover_job(frame.job_id)
        if frame.batch_id is not None:
            return self._grants.cover_batch(frame.batch_id)
        return self._grants.cover_channel()

    def _follow_job(self, frame: frames.Subscribe, job_id: str) -> None:
        if not is_job_id(job_id):
            return self._refuse(frame, "job_not_found", "That is not a job id.")
        assert self.tenant is not None  # noqa: S101 (there are grants)
        subscription = JobSubscription(self._new_id(), frame.id, self.tenant, job_id, self)
        if self._keep(frame, subscription):
            self._desk.watch(subscription)
        return None

    def _follow_channel(self, frame: frames.Subscribe) -> None:
        try:
            after = None if frame.after is None else Cursor.parse(frame.after)
        except InvalidInput as error:
            return self._refuse(frame, "invalid_cursor", str(error))
        assert self.tenant is not None  # noqa: S101 (there are grants)
        subscription = ChannelSubscription(
            self._new_id(), frame.id, self.tenant, _filter_of(frame), after, self
        )
        if self._keep(frame, subscription):
            self._desk.feeds.open(subscription)
        return None

    def _new_id(self) -> str:
        self._made += 1
        return f"s{self._made}"

    def _unsubscribe(self, frame: frames.Unsubscribe) -> None:
        if frame.subscription not in self._subscriptions:
            return self._refuse(frame, "subscription_not_found", "There is no such subscription here.")
        self._forget(frame.subscription)
        return self._send(frames.Unsubscribed(reply_to=frame.id).encode())

    def _refuse(self, frame: frames.ClientFrame, code: str, message: str) -> None:
        self._send(frames.Error(reply_to=frame.id, code=code, message=message).encode())

    def _say_gone(self, subscription: Subscription, was_asked: bool, noun: str) -> None:
        """Answers the request where it was just asked for, else ends the subscription aloud."""
        self._send(
            frames.Error(
                reply_to=subscription.reply_to if was_asked else None,
                subscription=None if was_asked else subscription.id,
                code=f"{noun}_not_found",
                message=f"There is no such {noun}. It may have been deleted or have expired.",
            ).encode()
        )
        self._forget(subscription.id)

    # --- state ----------------------------------------------------------------------------------------------------

    def _count(self, tenant: str) -> bool:
        """Takes one of the tenant's connections, or closes."""
        self._is_counted = self._desk.limits.connect(tenant, self)
        if not self._is_counted:
            self._close(CloseCode.TOO_MANY_CONNECTIONS, _TOO_MANY_CONNECTIONS)
        return self._is_counted

    def _cursors(self) -> dict[str, str] | None:
        """How far the subscriptions with a cursor have come, once the frames that wait are sent."""
        cursors = {
            subscription.id: str(subscription.cursor)
            for subscription in self._subscriptions.values()
            if isinstance(subscription, ChannelSubscription) and subscription.is_open
        }
        return cursors or None

    def _is_covered(self, subscription: Subscription) -> bool:
        if isinstance(subscription, ChannelSubscription):
            batch_id = subscription.filter.batch_id
            return self._grants.cover_channel() if batch_id is None else self._grants.cover_batch(batch_id)
        if subscription.version is None:
            return True  # decided when the snapshot is there
        return self._grants.cover_job(subscription.job_id, subscription.batch_id)

    def _forget(self, subscription_id: str) -> None:
        subscription = self._subscriptions.pop(subscription_id, None)
        if subscription is None:
            return
        self._desk.limits.unsubscribe(subscription.tenant)
        self._outbox.drop_progress_of(subscription_id)
        if isinstance(subscription, JobSubscription):
            self._desk.unwatch(subscription)
        else:
            self._desk.feeds.close(subscription)
            if subscription in self._replaying:
                self._replaying.remove(subscription)

    def _send(self, frame: bytes) -> None:
        if self.closing is not None:
            return None
        if not self._outbox.put(frame):
            return self._close(CloseCode.TOO_SLOW, "too many events were waiting to be sent")
        return self._wake()

    def _send_progress(self, key: str, frame: bytes) -> None:
        if self.closing is None:
            self._outbox.put_progress(key, frame)
            self._wake()

    def _close(self, code: CloseCode, reason: str) -> None:
        self.closing = Close.because(code, reason)
        self.end()
        self._wake()


def _filter_of(frame: frames.Subscribe) -> Filter:
    if frame.batch_id is not None:
        return Filter(batch_id=frame.batch_id)
    if frame.filter is None:
        return EVERYTHING
    return Filter(frozenset(frame.filter.kinds), frozenset(frame.filter.tags), frame.filter.types)
