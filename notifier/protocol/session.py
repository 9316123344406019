"""One client's connection in the protocol `pressrun.v1`, without I/O.

The transport owns the socket. It

- calls `receive` for every message, and `tick` at `deadline`;
- sends what `next_frame` returns while the socket has room; `wake` says that there is a new frame;
- closes the socket when `closing` is set and no frame is left.

Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jobs.core.errors.request import InvalidInput, TokenExpired, TokenInvalid
from jobs.core.events import Cursor
from jobs.core.ids import is_job_id
from jobs.core.job import Job
from jobs.core.tokens import Grant
from notifier.protocol import frames
from notifier.protocol.channel_subscription import ChannelSubscription, ResetReason
from notifier.protocol.close_codes import Close, CloseCode
from notifier.protocol.fanout_interface import Fanout
from notifier.protocol.filters import EVERYTHING, Filter
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.job_subscription import JobSubscription
from notifier.protocol.log_event import LogEvent
from notifier.protocol.send_buffer import SendBuffer, progress_key
from notifier.protocol.token_scopes import TokenScopes

MAX_MESSAGE_BYTES = 16 * 1024
MAX_SUBSCRIPTIONS = 100
"""How many subscriptions, and how many tokens, one connection may have."""

_TOO_MANY_CONNECTIONS = "the tenant has as many connections as it may have (PRESSRUN_MAX_CONNECTIONS)"

Subscription = JobSubscription | ChannelSubscription


@dataclass(frozen=True, slots=True)
class SessionTiming:
    """How long a session waits for its client."""

    auth_timeout_s: float = 5
    """From the start of the connection to the first `auth` frame."""
    ping_interval_s: float = 25
    """Between two pings. A client that sends nothing from one ping to the next is closed, so a dead
    connection is found within a minute."""
    close_timeout_s: float = 5
    """For the client to read the last frames and answer the close frame."""
    slow_close_timeout_s: float = 60
    """The same for a client that was too slow: it reads what is on its way before the close frame.
    A silent client is kept as long."""


DEFAULT_SESSION_TIMING = SessionTiming()


class Session:
    """The state of one connection. If `tenant` is given, the client needs no token."""

    def __init__(
        self,
        *,
        verify: Callable[[str, float], Grant],
        fanout: Fanout,
        wake: Callable[[], None],
        now: float,
        tenant: str | None = None,
        timing: SessionTiming = DEFAULT_SESSION_TIMING,
    ) -> None:
        self._timing = timing
        self._verify = verify
        self._fanout = fanout
        self._wake = wake
        self._started_at = now
        self._next_ping = now + timing.ping_interval_s
        self._has_answered = True
        self._scopes = TokenScopes(is_unlimited=tenant is not None)
        self._is_counted = False
        self._subscriptions: dict[str, Subscription] = {}
        self._last_number = 0
        self._buffer = SendBuffer()
        self._replaying: list[ChannelSubscription] = []
        """Subscriptions that have a page of the log to pull events from."""
        self.tenant = tenant
        self.closing: Close | None = None
        """Set when the transport must close the connection, after the frames that are left."""

    # --- what the transport calls ---------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """The latest time at which `tick` must be called."""
        if not self._scopes:
            return self._started_at + self._timing.auth_timeout_s
        return min(self._next_ping, self._scopes.next_expiry)

    @property
    def close_timeout_s(self) -> float:
        """How long the transport waits for the client once `closing` is set."""
        if self.closing is not None and self.closing.code is CloseCode.TOO_SLOW:
            return self._timing.slow_close_timeout_s
        return self._timing.close_timeout_s

    def begin(self) -> None:
        """Starts the session. The transport can send frames from now on."""
        if self.tenant is not None:
            self._count(self.tenant)

    def receive(self, message: str | bytes, now: float) -> None:
        """Handles one message of the client. A bad message closes the connection."""
        if self.closing is not None:
            return
        self._has_answered = True
        if len(message) > MAX_MESSAGE_BYTES:
            return self._close(CloseCode.MESSAGE_TOO_BIG, f"a message may have {MAX_MESSAGE_BYTES} bytes")
        try:
            frame = frames.parse(message)
        except frames.BadFrame as error:
            self._say(frames.Error(reply_to=error.reply_to, code="bad_frame", message=str(error)))
            return self._close(CloseCode.BAD_FRAME, str(error))
        if isinstance(frame, frames.Auth):
            return self._authenticate(frame, now)
        if not self._scopes:
            return self._close(CloseCode.UNAUTHENTICATED, "the first frame must be auth")
        match frame:
            case frames.Subscribe():
                self._subscribe(frame)
            case frames.Unsubscribe():
                self._unsubscribe(frame)
            case frames.ClientPing():
                self._say(frames.Pong(reply_to=frame.id))
            case frames.ClientPong():
                pass
        return None

    def tick(self, now: float) -> None:
        """Pings, or closes an unauthenticated, expired or silent connection, if that is due."""
        if self.closing is not None or now < self.deadline:
            return
        if not self._scopes:
            return self._close(
                CloseCode.UNAUTHENTICATED, f"no auth frame within {self._timing.auth_timeout_s} s"
            )
        if self._scopes.expire(now) and not (
            self._scopes and all(map(self._is_covered, self._subscriptions.values()))
        ):
            return self._close(CloseCode.TOKEN_EXPIRED, "the token has expired")
        if now >= self._next_ping:
            if not self._has_answered:
                return self._close(CloseCode.UNRESPONSIVE, "pings were not answered")
            self._has_answered = False
            self._next_ping = now + self._timing.ping_interval_s
            self._say(frames.Ping(cursors=self._cursors()))
        return None

    def next_frame(self) -> bytes | None:
        """Returns the next frame: buffered frames first, then replayed events, then progress.

        Replayed events are pulled one by one, so they go at the client's pace.
        """
        frame = self._buffer.take()
        if frame is not None:
            return frame
        while self._replaying:
            subscription = self._replaying[0]
            event = subscription.pull()
            if event is not None:
                return event.encode(subscription.id)
            self._replaying.remove(subscription)
        return self._buffer.take_progress()

    def go_away(self, reconnect_in_ms: int) -> None:
        """Tells the client when to reconnect, and closes: the process stops."""
        if self.closing is None:
            self._say(frames.GoAway(reconnect_in_ms=reconnect_in_ms))
            self._close(CloseCode.RESTART, "restarting")

    def evict(self) -> None:
        if self.closing is None:
            self._close(CloseCode.TOO_MANY_CONNECTIONS, _TOO_MANY_CONNECTIONS)

    def end(self) -> None:
        """Gives up all subscriptions: the connection is gone. Does nothing the second time."""
        for subscription_id in list(self._subscriptions):
            self._remove(subscription_id)
        if self._is_counted and self.tenant is not None:
            self._is_counted = False
            self._fanout.limits.disconnect(self.tenant, self)
        self._buffer.clear_progress()

    # --- what job subscriptions call ------------------------------------------------------------

    def subscribed(self, subscription: JobSubscription, job: Job) -> bool:
        if not self._scopes.cover_job(job.id, job.document.get("batch_id")):
            # A token for a batch learns nothing about jobs outside of it, not even that they exist.
            self.job_is_gone(subscription)
            return False
        self._say(
            frames.Subscribed(
                reply_to=subscription.reply_to, subscription=subscription.id, snapshot=job.document
            )
        )
        return True

    def send_event(self, subscription: JobSubscription, frame: bytes) -> None:
        self._buffer.drop_progress(progress_key(subscription.id, subscription.job_id))  # the event is newer
        self._send(frame)

    def send_progress(self, subscription: JobSubscription, frame: bytes) -> None:
        self._send_progress(progress_key(subscription.id, subscription.job_id), frame)

    def reset(self, subscription: JobSubscription, job: Job, reason: ResetReason) -> None:
        self._buffer.drop_progress(progress_key(subscription.id, subscription.job_id))
        self._say(frames.Reset(subscription=subscription.id, reason=reason, snapshot=job.document))

    def job_is_gone(self, subscription: JobSubscription) -> None:
        self._send_not_found(subscription, subscription.version is None, "job")

    # --- what channel subscriptions call --------------------------------------------------------

    def opened(self, subscription: ChannelSubscription, snapshot: dict[str, Any] | None) -> None:
        self._say(
            frames.Subscribed(
                reply_to=subscription.reply_to,
                subscription=subscription.id,
                snapshot=snapshot,
                cursor=str(subscription.cursor),
            )
        )

    def has_page(self, subscription: ChannelSubscription) -> None:
        self._replaying.append(subscription)
        self._wake()

    def live_event(self, subscription: ChannelSubscription, event: LogEvent) -> None:
        self._buffer.drop_progress(progress_key(subscription.id, event.subject.job_id))
        self._send(event.encode(subscription.id))

    def live_progress(self, subscription: ChannelSubscription, progress: ProgressFrame) -> None:
        self._send_progress(progress_key(subscription.id, progress.job_id), progress.encode(subscription.id))

    def log_reset(
        self, subscription: ChannelSubscription, reason: ResetReason, snapshot: dict[str, Any] | None
    ) -> None:
        self._say(
            frames.Reset(
                subscription=subscription.id,
                reason=reason,
                snapshot=snapshot,
                cursor=str(subscription.cursor),
            )
        )

    def not_found(self, subscription: ChannelSubscription) -> None:
        self._send_not_found(subscription, not subscription.is_open, "batch")

    # --- frames ---------------------------------------------------------------------------------

    def _authenticate(self, frame: frames.Auth, now: float) -> None:
        try:
            grant = self._verify(frame.token, now)
        except TokenExpired:
            return self._close(CloseCode.TOKEN_EXPIRED, "the token has expired")
        except TokenInvalid:
            return self._close(CloseCode.UNAUTHENTICATED, "the token is not valid")
        if self.tenant not in (None, grant.tenant):
            return self._close(CloseCode.FORBIDDEN, "the token is not for this connection's tenant")
        if len(self._scopes) > MAX_SUBSCRIPTIONS:
            return self._refuse(frame, "too_many_tokens", f"A connection may use {MAX_SUBSCRIPTIONS} tokens.")
        if self.tenant is None:
            self.tenant = grant.tenant
            self._next_ping = now + self._timing.ping_interval_s
            if not self._count(grant.tenant):
                return None
        self._scopes.add(grant)
        expires_at = datetime.fromtimestamp(grant.expires_at, UTC).isoformat(timespec="milliseconds")
        return self._say(
            frames.Welcome(
                reply_to=frame.id,
                ping_interval=self._timing.ping_interval_s,
                expires_at=expires_at.replace("+00:00", "Z"),
            )
        )

    def _subscribe(self, frame: frames.Subscribe) -> None:
        assert self.tenant is not None  # noqa: S101 (there are scopes)
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            message = (
                f"A connection may have {MAX_SUBSCRIPTIONS} subscriptions. Unsubscribe from finished jobs."
            )
            return self._refuse(frame, "too_many_subscriptions", message)
        if not self._is_allowed(frame):
            # The token alone decides, so the answer does not tell whether the job exists.
            return self._refuse(
                frame, "forbidden", "The token is not for this. Send `auth` with one that is."
            )
        if frame.job_id is not None and not is_job_id(frame.job_id):
            return self._refuse(frame, "job_not_found", "That is not a job id.")
        try:
            after = None if frame.after is None else Cursor.parse(frame.after)
        except InvalidInput as error:
            return self._refuse(frame, "invalid_cursor", str(error))
        if not self._fanout.limits.subscribe(self.tenant):
            message = (
                "The tenant has as many subscriptions as it may have now (PRESSRUN_MAX_SUBSCRIPTIONS). "
                "Subscribe again later, and unsubscribe from finished jobs."
            )
            return self._refuse(frame, "too_many_tenant_subscriptions", message)
        return self._follow(frame, self.tenant, after)

    def _follow(self, frame: frames.Subscribe, tenant: str, after: Cursor | None) -> None:
        self._last_number += 1
        id = f"s{self._last_number}"
        if frame.job_id is not None:
            job = JobSubscription(id, frame.id, tenant, frame.job_id, self)
            self._subscriptions[id] = job
            self._fanout.watch(job)
        else:
            channel = ChannelSubscription(id, frame.id, tenant, _filter_of(frame), after, self)
            self._subscriptions[id] = channel
            self._fanout.feeds.open(channel)

    def _is_allowed(self, frame: frames.Subscribe) -> bool:
        if frame.job_id is not None:
            return self._scopes.may_cover_job(frame.job_id)
        if frame.batch_id is not None:
            return self._scopes.cover_batch(frame.batch_id)
        return self._scopes.cover_channel()

    def _unsubscribe(self, frame: frames.Unsubscribe) -> None:
        if frame.subscription not in self._subscriptions:
            return self._refuse(frame, "subscription_not_found", "There is no such subscription here.")
        self._remove(frame.subscription)
        return self._say(frames.Unsubscribed(reply_to=frame.id))

    def _refuse(self, frame: frames.ClientFrame, code: str, message: str) -> None:
        self._say(frames.Error(reply_to=frame.id, code=code, message=message))

    def _send_not_found(self, subscription: Subscription, was_asked: bool, noun: str) -> None:
        """Refuses the request (`was_asked`), or says that an established subscription has ended."""
        self._say(
            frames.Error(
                reply_to=subscription.reply_to if was_asked else None,
                subscription=None if was_asked else subscription.id,
                code=f"{noun}_not_found",
                message=f"There is no such {noun}. It may have been deleted or have expired.",
            )
        )
        self._remove(subscription.id)

    # --- state ----------------------------------------------------------------------------------

    def _count(self, tenant: str) -> bool:
        self._is_counted = self._fanout.limits.connect(tenant, self)
        if not self._is_counted:
            self._close(CloseCode.TOO_MANY_CONNECTIONS, _TOO_MANY_CONNECTIONS)
        return self._is_counted

    def _cursors(self) -> dict[str, str] | None:
        """Returns each channel subscription's cursor, as it is after the buffered frames."""
        cursors = {
            subscription.id: str(subscription.cursor)
            for subscription in self._subscriptions.values()
            if isinstance(subscription, ChannelSubscription) and subscription.is_open
        }
        return cursors or None

    def _is_covered(self, subscription: Subscription) -> bool:
        if isinstance(subscription, ChannelSubscription):
            batch_id = subscription.filter.batch_id
            return self._scopes.cover_channel() if batch_id is None else self._scopes.cover_batch(batch_id)
        if subscription.version is None:
            return True  # `subscribed` decides, when the snapshot is there
        return self._scopes.cover_job(subscription.job_id, subscription.batch_id)

    def _remove(self, subscription_id: str) -> None:
        subscription = self._subscriptions.pop(subscription_id, None)
        if subscription is None:
            return
        self._fanout.limits.unsubscribe(subscription.tenant)
        self._buffer.drop_progress_of(subscription_id)
        if isinstance(subscription, JobSubscription):
            self._fanout.unwatch(subscription)
        else:
            self._fanout.feeds.close(subscription)
            if subscription in self._replaying:
                self._replaying.remove(subscription)

    def _say(self, frame: frames.ServerFrame) -> None:
        self._send(frame.encode())

    def _send(self, frame: bytes) -> None:
        if self.closing is not None:
            return None
        if not self._buffer.put(frame):
            return self._close(CloseCode.TOO_SLOW, "too many events were waiting to be sent")
        return self._wake()

    def _send_progress(self, key: str, frame: bytes) -> None:
        if self.closing is None:
            self._buffer.put_progress(key, frame)
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
