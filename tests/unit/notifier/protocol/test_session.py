from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.events import Cursor
from jobs.core.job import Job
from jobs.core.tokens import Scope, Tokens
from notifier.protocol.channel_subscription import ChannelSubscription, ReplayPage
from notifier.protocol.close_codes import CloseCode
from notifier.protocol.frames import EventFrame, ProgressFrame
from notifier.protocol.job_subscription import JobSubscription
from notifier.protocol.log_event import LogEvent
from notifier.protocol.send_buffer import MAX_BUFFERED_BYTES
from notifier.protocol.session import (
    DEFAULT_SESSION_TIMING,
    MAX_MESSAGE_BYTES,
    MAX_SUBSCRIPTIONS,
    Session,
)
from testsupport.push_fakes import NoLimits
from testsupport.sample_events import make_event, make_job, make_progress

START = 1_800_000_000.0
TOKENS = Tokens(["k" * 32])
CHANNEL = Scope(channel="jobs")


class Fanout:
    """Keeps the subscriptions of a session; the test answers as the hub would."""

    def __init__(self) -> None:
        self.feeds = self
        self.limits = NoLimits()
        self.watched: list[JobSubscription] = []
        self.opened: list[ChannelSubscription] = []

    def watch(self, subscription: JobSubscription) -> None:
        self.watched.append(subscription)

    def unwatch(self, subscription: JobSubscription) -> None:
        if subscription in self.watched:
            self.watched.remove(subscription)

    def open(self, subscription: ChannelSubscription) -> None:
        self.opened.append(subscription)

    def close(self, subscription: ChannelSubscription) -> None:
        self.opened.remove(subscription)

    def page_used(self, subscription: ChannelSubscription, page: ReplayPage) -> None:
        subscription.is_live = True

    def read_on(self, subscription: ChannelSubscription) -> None:
        pass


class Client:
    """A session as its client sees it, in virtual time."""

    def __init__(self, tenant: str | None = None) -> None:
        self.now = START
        self.fanout = Fanout()
        self.wakes = 0
        self.session = Session(
            verify=TOKENS.verify, fanout=self.fanout, wake=self._wake, now=START, tenant=tenant
        )

    def _wake(self) -> None:
        self.wakes += 1

    def send(self, message: object) -> list[dict[str, Any]]:
        self.session.receive(json.dumps(message), self.now)
        return self.read()

    def read(self) -> list[dict[str, Any]]:
        received = []
        while (frame := self.session.next_frame()) is not None:
            received.append(json.loads(frame))
        return received

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        """Moves time forward, and ticks at the session's deadlines."""
        until = self.now + seconds
        received = []
        while self.session.closing is None and self.session.deadline <= until:
            self.now = max(self.now, self.session.deadline)
            self.session.tick(self.now)
            received += self.read()
        self.now = until
        return received

    def auth(self, scope: Scope = CHANNEL, *, tenant: str = "acme", ttl: int = 3600) -> list[dict[str, Any]]:
        token, _ = TOKENS.mint(tenant, scope, self.now, ttl)
        return self.send({"type": "auth", "id": 1, "token": token})

    def follow(self, job: Job) -> JobSubscription:
        """Subscribes, and answers with the job as the snapshot."""
        self.send({"type": "subscribe", "id": 2, "job_id": job.id})
        subscription = self.fanout.watched[-1]
        subscription.snapshot(job)
        self.read()
        return subscription

    @property
    def code(self) -> CloseCode | None:
        return None if self.session.closing is None else self.session.closing.code


def authenticated(scope: Scope = CHANNEL) -> Client:
    client = Client()
    client.auth(scope)
    return client


# --- authentication -----------------------------------------------------------------------------


def test_a_valid_token_is_welcomed() -> None:
    assert Client().auth(ttl=60) == [
        {"type": "welcome", "reply_to": 1, "ping_interval": 25, "expires_at": "2027-01-15T08:01:00.000Z"}
    ]


def test_a_client_that_does_not_authenticate_in_time_is_closed() -> None:
    client = Client()

    client.wait(DEFAULT_SESSION_TIMING.auth_timeout_s - 0.1)
    assert client.code is None
    client.wait(0.1)
    assert client.code is CloseCode.UNAUTHENTICATED


def test_nothing_is_served_before_auth() -> None:
    client = Client()

    assert client.send({"type": "subscribe", "job_id": make_job().id}) == []
    assert client.code is CloseCode.UNAUTHENTICATED
    assert client.fanout.watched == []


def test_a_token_that_is_not_ours_closes_the_connection() -> None:
    client = Client()

    client.send({"type": "auth", "token": "eyJhbGciOiJub25lIn0.e30."})

    assert client.code is CloseCode.UNAUTHENTICATED


def test_an_expired_token_closes_with_a_code_that_asks_for_a_fresh_one() -> None:
    client = Client()
    token, expires_at = TOKENS.mint("acme", CHANNEL, START, 60)
    client.now = expires_at

    client.send({"type": "auth", "token": token})

    assert client.code is CloseCode.TOKEN_EXPIRED


def test_a_connection_ends_when_its_token_does() -> None:
    client = Client()
    client.auth(ttl=20)

    client.wait(19)
    assert client.code is None
    client.wait(1)
    assert client.code is CloseCode.TOKEN_EXPIRED


def test_a_fresh_token_sent_in_time_keeps_connection_and_subscriptions() -> None:
    client = Client()
    client.auth(ttl=20)
    subscription = client.follow(make_job())
    client.wait(15)

    (welcome,) = client.auth(ttl=20)
    client.wait(10)

    assert welcome["type"] == "welcome"
    assert client.code is None
    assert client.fanout.watched == [subscription]


def test_an_older_token_does_not_shorten_what_a_newer_one_gave() -> None:
    client = Client()
    client.auth(ttl=20)
    client.auth(ttl=5)

    client.wait(10)

    assert client.code is None


def test_tokens_for_several_jobs_add_up() -> None:
    first, second = make_job(), make_job()
    client = authenticated(Scope(job_id=first.id))
    client.auth(Scope(job_id=second.id))

    client.follow(first)
    client.follow(second)

    assert [subscription.job_id for subscription in client.fanout.watched] == [first.id, second.id]


def test_one_of_several_tokens_may_expire_while_nothing_depends_on_it() -> None:
    first, second = make_job(), make_job()
    client = Client()
    client.auth(Scope(job_id=first.id), ttl=10)
    client.auth(Scope(job_id=second.id), ttl=20)
    client.follow(second)

    client.wait(15)
    assert client.code is None
    client.wait(5)
    assert client.code is CloseCode.TOKEN_EXPIRED


def test_a_subscription_does_not_outlive_the_token_that_covers_it() -> None:
    first, second = make_job(), make_job()
    client = Client()
    client.auth(Scope(job_id=first.id), ttl=10)
    client.auth(Scope(job_id=second.id), ttl=20)
    client.follow(first)

    client.wait(10)

    assert client.code is CloseCode.TOKEN_EXPIRED


def test_a_token_of_another_tenant_ends_the_connection() -> None:
    client = authenticated()

    client.auth(tenant="globex")

    assert client.code is CloseCode.FORBIDDEN


def test_without_credentials_no_token_is_needed_but_one_may_be_sent() -> None:
    client = Client(tenant="acme")

    client.follow(make_job())
    client.auth(Scope(job_id=make_job().id), ttl=10)
    client.wait(DEFAULT_SESSION_TIMING.ping_interval_s - 1)

    assert client.code is None
    assert len(client.fanout.watched) == 1


# --- job subscriptions --------------------------------------------------------------------------


def test_a_subscription_begins_with_the_snapshot() -> None:
    client, job = authenticated(), make_job(metadata={"note": None, "é": "\ud83d"})

    assert client.send({"type": "subscribe", "id": "mine", "job_id": job.id}) == []
    client.fanout.watched[0].snapshot(job)

    assert client.read() == [
        {"type": "subscribed", "reply_to": "mine", "subscription": "s1", "snapshot": job.document}
    ]


def test_a_finished_job_answers_at_once() -> None:
    client, job = authenticated(), make_job(3)

    client.send({"type": "subscribe", "job_id": job.id})
    client.fanout.watched[0].snapshot(job)

    (answer,) = client.read()
    assert answer["snapshot"]["status"] == "succeeded"


def test_an_event_is_sent_with_the_bytes_that_were_stored() -> None:
    client, job = authenticated(), make_job()
    subscription = client.follow(job)
    event = make_event(job, 2)

    subscription.offer(EventFrame.of(event))

    frame = client.session.next_frame()
    assert frame == b'{"type":"event","subscription":"s1","event":' + event.body + b"}"


def test_progress_is_sent_with_job_and_value() -> None:
    client, job = authenticated(), make_job(2)
    subscription = client.follow(job)

    subscription.offer_progress(ProgressFrame(make_progress(job, 40)))

    assert client.read() == [
        {"type": "progress", "subscription": "s1", "job_id": job.id, "progress": {"percent": 40}}
    ]


def test_of_progress_that_waits_only_the_latest_is_sent_and_events_go_first() -> None:
    client, job, other = authenticated(), make_job(1), make_job(2)
    first, second = client.follow(job), client.follow(other)

    for percent in (10, 20, 30):
        second.offer_progress(ProgressFrame(make_progress(other, percent)))
    first.offer(EventFrame.of(make_event(job, 2)))

    event, progress = client.read()
    assert event["type"] == "event"
    assert progress["progress"] == {"percent": 30}


def test_progress_that_waits_is_dropped_when_an_event_overtakes_it() -> None:
    client, job = authenticated(), make_job(2)
    subscription = client.follow(job)

    subscription.offer_progress(ProgressFrame(make_progress(job, 90)))
    subscription.offer(EventFrame.of(make_event(job, 3)))

    assert [frame["type"] for frame in client.read()] == ["event"]


def test_unsubscribing_ends_the_subscription() -> None:
    client, job = authenticated(), make_job(2)
    subscription = client.follow(job)
    subscription.offer_progress(ProgressFrame(make_progress(job, 90)))
    client.session.next_frame()

    assert client.send({"type": "unsubscribe", "id": 4, "subscription": subscription.id}) == [
        {"type": "unsubscribed", "reply_to": 4}
    ]
    assert client.fanout.watched == []


def test_unsubscribing_from_an_unknown_subscription_is_an_error_and_the_connection_goes_on() -> None:
    client = authenticated()

    (error,) = client.send({"type": "unsubscribe", "id": 4, "subscription": "s9"})

    assert (error["type"], error["code"], error["reply_to"]) == ("error", "subscription_not_found", 4)
    assert client.code is None


def test_a_job_that_does_not_exist_is_an_error_and_the_connection_goes_on() -> None:
    client = authenticated()
    client.send({"type": "subscribe", "id": 2, "job_id": make_job().id})

    client.fanout.watched[0].not_found()

    (error,) = client.read()
    assert (error["type"], error["code"], error["reply_to"]) == ("error", "job_not_found", 2)
    assert client.fanout.watched == []
    assert client.code is None


def test_a_text_that_cannot_be_a_job_id_is_not_looked_up() -> None:
    client = authenticated()

    (error,) = client.send({"type": "subscribe", "id": 2, "job_id": "job_1\n"})

    assert error["code"] == "job_not_found"
    assert client.fanout.watched == []


def test_a_job_that_was_deleted_during_a_gap_ends_its_subscription_with_an_error() -> None:
    client = authenticated()
    subscription = client.follow(make_job())

    subscription.not_found()

    (error,) = client.read()
    assert (error["subscription"], error["code"]) == ("s1", "job_not_found")
    assert "reply_to" not in error


def test_a_token_for_one_job_opens_no_other_and_does_not_tell_whether_it_exists() -> None:
    client = authenticated(Scope(job_id=make_job().id))

    (error,) = client.send({"type": "subscribe", "id": 2, "job_id": make_job().id})

    assert error["code"] == "forbidden"
    assert client.fanout.watched == []


def test_a_token_for_a_batch_sees_other_jobs_as_missing() -> None:
    client = authenticated(Scope(batch_id="batch_1"))
    answers = []
    for job in (make_job(batch_id="batch_1"), make_job(batch_id="batch_2"), make_job(batch_id=None)):
        client.send({"type": "subscribe", "job_id": job.id})
        client.fanout.watched[-1].snapshot(job)
        answers += client.read()

    assert [answer.get("code") for answer in answers] == [None, "job_not_found", "job_not_found"]
    assert len(client.fanout.watched) == 1


def test_a_batch_token_that_expires_takes_its_subscriptions_with_it() -> None:
    client = Client()
    client.auth(Scope(batch_id="batch_1"), ttl=10)
    client.auth(Scope(batch_id="batch_2"), ttl=20)
    client.follow(make_job(batch_id="batch_1"))

    client.wait(10)

    assert client.code is CloseCode.TOKEN_EXPIRED


def test_the_number_of_subscriptions_is_limited_and_the_connection_goes_on() -> None:
    client = authenticated()
    for _ in range(MAX_SUBSCRIPTIONS):
        client.follow(make_job())

    (error,) = client.send({"type": "subscribe", "id": 7, "job_id": make_job().id})

    assert (error["code"], error["reply_to"]) == ("too_many_subscriptions", 7)
    assert len(client.fanout.watched) == MAX_SUBSCRIPTIONS
    client.send({"type": "unsubscribe", "subscription": "s1"})
    client.follow(make_job())
    assert client.code is None


def test_the_number_of_tokens_is_limited() -> None:
    client = authenticated()
    for _ in range(MAX_SUBSCRIPTIONS):
        client.auth(Scope(job_id=make_job().id))

    (error,) = client.auth(Scope(job_id=make_job().id))

    assert error["code"] == "too_many_tokens"


# --- channels and batches -----------------------------------------------------------------------


def follow_channel(client: Client, **asked: Any) -> ChannelSubscription:
    """Subscribes, and opens the subscription as the feeds would."""
    client.send({"type": "subscribe", "id": 2, **asked})
    subscription = client.fanout.opened[-1]
    subscription.open(subscription.cursor or Cursor("k3f9", 7), client.fanout)
    return subscription


def log_event(sequence: int) -> LogEvent:
    event = make_event(make_job(), 2)
    return LogEvent(Cursor("k3f9", sequence), event.type, event.body)


def test_a_channel_subscription_begins_with_its_cursor() -> None:
    client = authenticated()

    follow_channel(client, channel="jobs", after="k3f9.97")

    assert client.read() == [{"type": "subscribed", "reply_to": 2, "subscription": "s1", "cursor": "k3f9.97"}]


def test_replayed_events_are_pulled_only_as_the_client_reads() -> None:
    client = authenticated()
    subscription = follow_channel(client, channel="jobs", after="k3f9.7")
    client.read()

    subscription.fill(ReplayPage([log_event(8), log_event(9)], Cursor("k3f9", 9), is_last=True))
    first = client.session.next_frame()

    assert first is not None
    assert json.loads(first)["cursor"] == "k3f9.8"
    assert subscription.cursor == Cursor("k3f9", 8)
    assert [frame["cursor"] for frame in client.read()] == ["k3f9.9"]
    assert subscription.is_live


def test_a_live_event_comes_with_its_cursor_and_the_stored_bytes() -> None:
    client = authenticated()
    subscription = follow_channel(client, channel="jobs")
    subscription.is_live = True
    client.read()

    event = log_event(8)
    subscription.offer(event)
    frame = client.session.next_frame()

    assert frame is not None
    assert frame.startswith(b'{"type":"event","subscription":"s1","cursor":"k3f9.8","event":')
    assert event.body in frame


def test_pings_have_the_cursor_of_each_subscription() -> None:
    client = authenticated()
    subscription = follow_channel(client, channel="jobs", filter={"types": ["job.failed"]})
    subscription.is_live = True
    client.read()

    subscription.offer(log_event(8))

    assert client.wait(DEFAULT_SESSION_TIMING.ping_interval_s) == [
        {"type": "ping", "cursors": {"s1": "k3f9.8"}}
    ]


def test_a_reset_says_why_and_where_to_go_on() -> None:
    client = authenticated()
    subscription = follow_channel(client, channel="jobs", after="k3f9.1")
    client.read()

    subscription.reset(Cursor("k3f9", 180))
    subscription.reset(Cursor("other", 3))

    assert client.read() == [
        {"type": "reset", "subscription": "s1", "reason": "retention", "cursor": "k3f9.180"},
        {"type": "reset", "subscription": "s1", "reason": "epoch", "cursor": "other.3"},
    ]


def test_a_text_that_was_never_a_cursor_is_refused_and_the_connection_goes_on() -> None:
    client = authenticated()

    (refusal,) = client.send({"type": "subscribe", "id": 2, "channel": "jobs", "after": "yesterday"})

    assert (refusal["type"], refusal["reply_to"], refusal["code"]) == ("error", 2, "invalid_cursor")
    assert client.code is None


@pytest.mark.parametrize(
    ("scope", "asked", "is_allowed"),
    [
        (CHANNEL, {"channel": "jobs"}, True),
        (CHANNEL, {"batch_id": "batch_1"}, True),
        (Scope(batch_id="batch_1"), {"batch_id": "batch_1"}, True),
        (Scope(batch_id="batch_1"), {"batch_id": "batch_2"}, False),
        (Scope(batch_id="batch_1"), {"channel": "jobs"}, False),
        (Scope(job_id="job_1"), {"channel": "jobs"}, False),
        (Scope(job_id="job_1"), {"batch_id": "batch_1"}, False),
        (Scope(channel="other"), {"channel": "jobs"}, False),
    ],
)
def test_a_token_opens_what_it_was_made_for(scope: Scope, asked: dict[str, str], is_allowed: bool) -> None:
    client = authenticated(scope)

    answers = client.send({"type": "subscribe", "id": 2, **asked})

    assert bool(client.fanout.opened) is is_allowed
    assert [answer["code"] for answer in answers] == ([] if is_allowed else ["forbidden"])


def test_a_channel_subscription_does_not_outlive_its_token() -> None:
    client = Client()
    client.auth(CHANNEL, ttl=10)
    client.auth(Scope(job_id=make_job().id), ttl=3600)
    follow_channel(client, channel="jobs")

    client.wait(10)

    assert client.code is CloseCode.TOKEN_EXPIRED
    assert client.fanout.opened == []


def test_unsubscribing_from_a_channel_ends_its_replay() -> None:
    client = authenticated()
    subscription = follow_channel(client, channel="jobs", after="k3f9.7")
    subscription.fill(ReplayPage([log_event(8)], Cursor("k3f9", 8), is_last=True))

    client.session.receive('{"type":"unsubscribe","id":3,"subscription":"s1"}', client.now)

    assert [frame["type"] for frame in client.read()] == ["subscribed", "unsubscribed"]
    assert client.fanout.opened == []


def test_progress_of_several_jobs_waits_side_by_side_and_an_event_overtakes_only_its_own() -> None:
    client = authenticated()
    subscription = follow_channel(client, channel="jobs")
    subscription.is_live = True
    client.read()
    job, other = make_job(), make_job()

    for each, percent in ((job, 10), (other, 20), (job, 30), (other, 40)):
        subscription.offer_progress(ProgressFrame(make_progress(each, percent)), None)
    event = make_event(job, 2)
    subscription.offer(LogEvent(Cursor("k3f9", 8), event.type, event.body))

    assert [(frame["type"], frame.get("job_id")) for frame in client.read()] == [
        ("event", None), ("progress", other.id),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"job_id": "job_1", "channel": "jobs"},
        {"job_id": "job_1", "after": "k3f9.1"},
        {"batch_id": "batch_1", "filter": {}},
        {"channel": "everything"},
        {"channel": "jobs", "filter": {"colour": ["red"]}},
        {"channel": "jobs", "filter": {"kinds": "pdf.render"}},
        {"channel": "jobs", "filter": {"tags": ["x"] * 33}},
    ],
)
def test_a_subscribe_frame_that_does_not_name_one_thing_is_a_bad_frame(asked: dict[str, Any]) -> None:
    client = authenticated()

    client.send({"type": "subscribe", **asked})

    assert client.code is CloseCode.BAD_FRAME


# --- pings --------------------------------------------------------------------------------------


def test_a_ping_from_the_client_is_answered() -> None:
    assert authenticated().send({"type": "ping", "id": 5}) == [{"type": "pong", "reply_to": 5}]


def test_a_client_that_answers_is_pinged_for_ever() -> None:
    client = authenticated()

    for _ in range(10):
        assert client.wait(DEFAULT_SESSION_TIMING.ping_interval_s) == [{"type": "ping"}]
        client.send({"type": "pong"})

    assert client.code is None


def test_a_client_that_is_silent_after_a_ping_is_closed_within_a_minute() -> None:
    client = authenticated()

    client.wait(60)

    assert client.code is CloseCode.UNRESPONSIVE


# --- bad frames ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        '"auth"',
        "{}",
        '{"type": "shout"}',
        '{"type": 1}',
        '{"type": "ping", "loud": true}',
        '{"type": "ping", "id": 1.5}',
        '{"type": "ping", "id": true}',
        '{"type": "ping", "id": -1}',
        '{"type": "ping", "id": "' + "x" * 65 + '"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "job_id": 7}',
        '{"type": "subscribe", "job_id": ""}',
        '{"type": "auth", "token": null}',
        '{"type": "ping", "id": "\\ud800"}',
        "[" * 5000,
        "\ud800",
        b'{"type": "ping"}',
        b"",
    ],
)
def test_a_message_that_is_not_a_frame_gets_an_error_that_says_why_then_a_close(message: str | bytes) -> None:
    client = authenticated()

    client.session.receive(message, client.now)

    (error,) = client.read()
    assert (error["type"], error["code"]) == ("error", "bad_frame")
    assert error["message"]
    assert client.code is CloseCode.BAD_FRAME


def test_an_error_names_the_frame_that_was_wrong() -> None:
    (error,) = authenticated().send({"type": "subscribe", "id": 9, "job_id": 7})

    assert error["reply_to"] == 9
    assert "job_id" in error["message"]


def test_a_token_in_a_bad_frame_is_not_sent_back() -> None:
    client = Client()

    (error,) = client.send({"type": "auth", "token": ["s3cret"], "s3cret": 1})

    assert "s3cret" not in error["message"].replace("s3cret: Extra", "")
    assert client.session.closing is not None


def test_a_huge_message_is_refused_unread() -> None:
    client = authenticated()

    client.session.receive(" " * (MAX_MESSAGE_BYTES + 1), client.now)

    assert client.code is CloseCode.MESSAGE_TOO_BIG


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
members = st.sampled_from(["type", "id", "token", "job_id", "subscription", "extra"])
types = st.sampled_from(["auth", "subscribe", "unsubscribe", "ping", "pong", "event", "welcome"])
frames = st.dictionaries(members, json_values | types, max_size=5).map(json.dumps)


@given(st.lists(frames | st.text(max_size=50) | st.binary(max_size=50), max_size=8), st.booleans())
def test_no_message_raises_an_exception(messages: list[str | bytes], known: bool) -> None:
    client = authenticated() if known else Client()

    for message in messages:
        client.session.receive(message, client.now)

    for frame in client.read():
        assert frame["type"] in {"error", "pong", "unsubscribed"}
    if client.session.closing is not None:
        assert 4400 <= client.session.closing.code < 4500
        assert len(client.session.closing.reason.encode()) <= 123
        assert client.fanout.watched == []


# --- ending -------------------------------------------------------------------------------------


def test_a_client_that_does_not_read_is_closed_when_its_budget_is_used_up() -> None:
    client, job = authenticated(), make_job()
    subscription = client.follow(job)
    big = b'{"pad":"' + b"x" * 100_000 + b'"}'

    version = 1
    while client.session.closing is None:
        version += 1
        subscription.offer(EventFrame("job.retrying", version, big))

    assert client.code is CloseCode.TOO_SLOW
    assert version == 2 + MAX_BUFFERED_BYTES // len(big)
    assert client.session.next_frame() is None
    assert client.fanout.watched == []


def test_a_client_that_asks_without_reading_answers_uses_up_its_budget_too() -> None:
    client = authenticated()

    for _ in range(MAX_BUFFERED_BYTES // 64):
        client.session.receive('{"type":"ping"}', client.now)

    assert client.code is CloseCode.TOO_SLOW


def test_a_client_that_keeps_up_may_get_an_event_of_any_size() -> None:
    client, job = authenticated(), make_job()
    subscription = client.follow(job)

    subscription.offer(EventFrame("job.started", 2, b'"' + b"x" * (2 * MAX_BUFFERED_BYTES) + b'"'))

    assert len(client.read()) == 1
    assert client.code is None


def test_going_away_tells_the_client_when_to_come_back() -> None:
    client = authenticated()
    client.follow(make_job())

    client.session.go_away(1200)

    assert client.read() == [{"type": "goaway", "reconnect_in_ms": 1200}]
    assert client.code is CloseCode.RESTART
    assert client.fanout.watched == []


def test_a_closing_session_ignores_everything() -> None:
    client, job = authenticated(), make_job()
    subscription = client.follow(job)
    client.session.go_away(0)
    client.read()

    subscription.offer(EventFrame.of(make_event(job, 2)))
    subscription.offer_progress(ProgressFrame(make_progress(job, 40)))
    client.send({"type": "ping"})
    client.session.tick(client.now + 1000)
    client.session.go_away(0)

    assert client.read() == []
    assert client.code is CloseCode.RESTART


def test_every_frame_to_send_wakes_the_transport() -> None:
    client, job = authenticated(), make_job()
    subscription = client.follow(job)
    client.wakes = 0

    subscription.offer_progress(ProgressFrame(make_progress(job, 40)))
    subscription.offer(EventFrame.of(make_event(job, 2)))
    client.session.go_away(0)

    assert client.wakes >= 3


def test_a_lost_connection_ends_all_subscriptions() -> None:
    client = authenticated()
    client.follow(make_job())

    client.session.end()
    client.session.end()

    assert client.fanout.watched == []
