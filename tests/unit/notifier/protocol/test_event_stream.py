from __future__ import annotations

import dataclasses

from jobs.core.events import Cursor
from notifier.protocol.channel_subscription import ChannelSubscription, ReplayPage
from notifier.protocol.event_stream import EventStream
from notifier.protocol.filters import EVERYTHING
from notifier.protocol.frames import ProgressFrame
from notifier.protocol.log_event import LogEvent
from notifier.protocol.send_buffer import MAX_BUFFERED_BYTES
from testsupport.sample_events import make_event, make_job, make_progress

JOB = make_job()


class Feeds:
    """Opens each subscription at once; the test sends the events."""

    def __init__(self) -> None:
        self.subscription: ChannelSubscription | None = None

    def open(self, subscription: ChannelSubscription) -> None:
        self.subscription = subscription
        subscription.open(subscription.cursor or Cursor("k3f9", 7), self)

    def close(self, subscription: ChannelSubscription) -> None:
        self.subscription = None

    def page_used(self, subscription: ChannelSubscription, page: ReplayPage) -> None:
        subscription.is_live = True

    def read_on(self, subscription: ChannelSubscription) -> None:
        subscription.is_live = False


class Client:
    def __init__(self, after: Cursor | None = None) -> None:
        self.feeds = Feeds()
        self.wakes = 0
        self.stream = EventStream(self.feeds, "acme", EVERYTHING, after, self._wake)

    @property
    def subscription(self) -> ChannelSubscription:
        assert self.feeds.subscription is not None
        return self.feeds.subscription

    def _wake(self) -> None:
        self.wakes += 1

    def lines(self) -> list[str]:
        received = b""
        while piece := self.stream.take():
            received += piece
        return received.decode().split("\n")


def event(sequence: int, body: bytes | None = None) -> LogEvent:
    live = dataclasses.replace(make_event(JOB, 2), sequence=sequence, epoch="k3f9")
    return LogEvent(live.cursor, live.type, live.body if body is None else body)


def live() -> Client:
    client = Client()
    client.subscription.is_live = True
    client.lines()
    return client


def test_a_stream_begins_with_a_retry_hint_and_the_cursor() -> None:
    retry, cursor, *rest = Client(Cursor("k3f9", 97)).lines()

    assert retry.startswith("retry: ")
    assert 1000 <= int(retry.removeprefix("retry: ")) <= 3000
    assert (cursor, rest) == ("id: k3f9.97", ["", ""])


def test_an_event_has_its_cursor_its_type_and_the_stored_bytes() -> None:
    client, shown = live(), event(8)

    client.subscription.offer(shown)

    assert client.lines() == ["id: k3f9.8", "event: job.started", f"data: {shown.body.decode()}", "", ""]


def test_a_replay_is_pulled_and_then_the_stream_is_live() -> None:
    client = Client(Cursor("k3f9", 7))
    client.lines()

    client.subscription.fill(ReplayPage([event(8), event(9)], Cursor("k3f9", 9), is_last=True))

    assert [line for line in client.lines() if line.startswith("id")] == ["id: k3f9.8", "id: k3f9.9"]
    assert client.subscription.is_live


def test_progress_has_no_id_and_only_the_latest_waits() -> None:
    client = live()

    for percent in (10, 40):
        client.subscription.offer_progress(ProgressFrame(make_progress(JOB, percent)), None)

    data = f'data: {{"job_id":"{JOB.id}","progress":{{"percent":40}}}}'
    assert client.lines() == ["event: progress", data, "", ""]


def test_heartbeats_are_comments_that_move_the_cursor() -> None:
    client = live()

    client.stream.beat()

    assert client.lines() == [": ", "id: k3f9.7", "", ""]


def test_a_reset_says_why_and_moves_the_cursor() -> None:
    client = live()

    client.subscription.reset(Cursor("new", 3))

    assert client.lines() == [
        "id: new.3", "event: reset", 'data: {"reason": "epoch", "cursor": "new.3"}', "", "",
    ]  # fmt: skip


def test_a_client_that_falls_too_far_behind_is_cut_off_and_can_resume() -> None:
    client = live()
    big = b'{"data":{},"x":"%b"}' % (b"x" * (MAX_BUFFERED_BYTES // 3))

    for sequence in range(8, 13):
        if client.feeds.subscription is not None:
            client.subscription.offer(event(sequence, big))

    assert client.stream.has_ended
    assert client.feeds.subscription is None
    assert client.lines() == [""]


def test_when_the_process_stops_the_client_is_told_when_to_reconnect() -> None:
    client = live()

    client.stream.end(1200)
    client.stream.end(1300)

    assert client.lines() == ["retry: 1200", "", ""]
    assert client.stream.has_ended
