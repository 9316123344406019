"""One client's side of the protocol `pressrun.v1`: frames and times in, frames and a decision to close out.

Pure: no event loop, no clock, no store. An adapter owns the socket. It calls `receive` for every message and `tick`
when `deadline` has come, takes what `next_frame` gives while the socket has room, and closes when `closing` is set and
no frame is left. Subscriptions go to a `Desk`, which feeds them; `wake` tells the adapter that there is something to
send. Times are Unix seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from jobs.errors import TokenExpired, TokenInvalid
from jobs.ids import is_job_id
from jobs.job import Job
from jobs.tokens import JOBS_CHANNEL, Grant, Scope
from notifier import frames
from notifier.closing import Close, CloseCode
from notifier.subscription import JobSubscription

AUTH_TIMEOUT_S = 5
PING_INTERVAL_S = 25
"""Between two pings. A client that has sent nothing from one ping to the next is gone: found within a minute."""
MAX_MESSAGE_BYTES = 16 * 1024
MAX_SUBSCRIPTIONS = 100
MAX_OUTBOX_BYTES = 1024 * 1024
"""What may wait to be sent; beyond it the client is too slow and is closed. It reconnects and resumes."""
_FRAME_OVERHEAD_BYTES = 64
"""Charged for each waiting frame besides its bytes, so that tiny frames cannot pile up either."""


class Desk(Protocol):
    """Where subscriptions are served: the hub."""

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
        "_made",
        "_next_ping",
        "_outbox",
        "_outbox_bytes",
        "_progress",
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
        self._grants: dict[Scope, float] = {} if tenant is None else {Scope(channel=JOBS_CHANNEL): math.inf}
        self._subscriptions: dict[str, JobSubscription] = {}
        self._made = 0
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._progress: dict[str, bytes] = {}
        self.tenant = tenant
        self.closing: Close | None = None
        """Set once the connection is to be closed, after the frames that are left."""

    # --- what the adapter calls ---------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """When `tick` must be called, at the latest."""
        if not self._grants:
            return self._started_at + AUTH_TIMEOUT_S
        return min(self._next_ping, *self._grants.values())

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
        self._expire_grants(now)
        if self.closing is None and now >= self._next_ping:
            if not self._answered:
                return self._close(CloseCode.UNRESPONSIVE, "pings were not answered")
            self._answered = False
            self._next_ping = now + PING_INTERVAL_S
            self._send(_PING)
        return None

    def next_frame(self) -> bytes | None:
        """The next frame to send: everything else in order, and progress only when nothing else waits."""
        if self._outbox:
            frame = self._outbox.pop(0)
            self._outbox_bytes -= len(frame) + _FRAME_OVERHEAD_BYTES
            return frame
        if self._progress:
            return self._progress.pop(next(iter(self._progress)))
        return None

    def go_away(self, reconnect_in_ms: int) -> None:
        """The process stops: tells the client when to come back, and closes."""
        if self.closing is None:
            self._send(frames.GoAway(reconnect_in_ms=reconnect_in_ms).encode())
            self._close(CloseCode.RESTART, "restarting")

    def end(self) -> None:
        """The connection is gone. Harmless to repeat."""
        for subscription in self._subscriptions.values():
            self._desk.unwatch(subscription)
        self._subscriptions.clear()
        self._progress.clear()

    # --- what its subscriptions call ----------------------------------------------------------------------------

    def subscribed(self, subscription: JobSubscription, job: Job) -> bool:
        if not any(scope.covers(job.id, job.document.get("batch_id")) for scope in self._grants):
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
        self._progress.pop(subscription.id, None)  # overtaken
        self._send(frame)

    def send_progress(self, subscription: JobSubscription, frame: bytes) -> None:
        if self.closing is None:
            self._progress[subscription.id] = frame
            self._wake()

    def reset(self, subscription: JobSubscription, job: Job) -> None:
        self._progress.pop(subscription.id, None)
        self._send(frames.Reset(subscription=subscription.id, snapshot=job.document).encode())

    def job_is_gone(self, subscription: JobSubscription) -> None:
        asked = subscription.version is None
        self._send(
            frames.Error(
                reply_to=subscription.reply_to if asked else None,
                subscription=None if asked else subscription.id,
                code="job_not_found",
                message="There is no such job. It may have been deleted or have expired.",
            ).encode()
        )
        self._forget(subscription.id)

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
        self._grants[grant.scope] = max(grant.expires_at, self._grants.get(grant.scope, 0))
        expires_at = datetime.fromtimestamp(grant.expires_at, UTC).isoformat(timespec="milliseconds")
        welcome = frames.Welcome(
            reply_to=frame.id, ping_interval=PING_INTERVAL_S, expires_at=expires_at.replace("+00:00", "Z")
        )
        return self._send(welcome.encode())

    def _subscribe(self, frame: frames.Subscribe) -> None:
        assert self.tenant is not None  # noqa: S101 (there are grants)
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            message = (
                f"A connection may have {MAX_SUBSCRIPTIONS} subscriptions. Unsubscribe from finished jobs."
            )
            return self._refuse(frame, "too_many_subscriptions", message)
        if not any(_may_cover(scope, frame.job_id) for scope in self._grants):
            # Decided by the token alone, so it does not tell whether the job exists.
            return self._refuse(
                frame, "forbidden", "The token is not for this job. Send `auth` with one that is."
            )
        if not is_job_id(frame.job_id):
            return self._refuse(frame, "job_not_found", "That is not a job id.")
        self._made += 1
        subscription = JobSubscription(f"s{self._made}", frame.id, self.tenant, frame.job_id, self)
        self._subscriptions[subscription.id] = subscription
        return self._desk.watch(subscription)

    def _unsubscribe(self, frame: frames.Unsubscribe) -> None:
        if frame.subscription not in self._subscriptions:
            return self._refuse(frame, "subscription_not_found", "There is no such subscription here.")
        self._forget(frame.subscription)
        return self._send(frames.Unsubscribed(reply_to=frame.id).encode())

    def _refuse(self, frame: frames.ClientFrame, code: str, message: str) -> None:
        self._send(frames.Error(reply_to=frame.id, code=code, message=message).encode())

    # --- state ----------------------------------------------------------------------------------------------------

    def _expire_grants(self, now: float) -> None:
        """Drops grants whose time is over, and closes where a subscription depended on one of them."""
        expired = [scope for scope, expires_at in self._grants.items() if expires_at <= now]
        if not expired:
            return
        for scope in expired:
            del self._grants[scope]
        if not self._grants or not all(map(self._is_covered, self._subscriptions.values())):
            self._close(CloseCode.TOKEN_EXPIRED, "the token has expired")

    def _is_covered(self, subscription: JobSubscription) -> bool:
        if subscription.version is None:
            return True  # decided when the snapshot is there
        return any(scope.covers(subscription.job_id, subscription.batch_id) for scope in self._grants)

    def _forget(self, subscription_id: str) -> None:
        subscription = self._subscriptions.pop(subscription_id, None)
        if subscription is not None:
            self._progress.pop(subscription_id, None)
            self._desk.unwatch(subscription)

    def _send(self, frame: bytes) -> None:
        if self.closing is not None:
            return
        charged = len(frame) + _FRAME_OVERHEAD_BYTES
        # Whatever its size, one frame may always wait: a client that keeps up is never too slow.
        if self._outbox and self._outbox_bytes + charged > MAX_OUTBOX_BYTES:
            self._outbox.clear()
            return self._close(CloseCode.TOO_SLOW, "too many events were waiting to be sent")
        self._outbox.append(frame)
        self._outbox_bytes += charged
        return self._wake()

    def _close(self, code: CloseCode, reason: str) -> None:
        self.closing = Close.because(code, reason)
        self.end()
        self._wake()


def _may_cover(scope: Scope, job_id: str) -> bool:
    """Whether the scope covers the job, as far as one can tell without its record: a batch is known from that."""
    return scope.batch_id is not None or scope.covers(job_id, None)


_PING = frames.Ping().encode()
