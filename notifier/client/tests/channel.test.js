import assert from "node:assert/strict";
import { test } from "node:test";

import { Pressrun } from "../pressrun.js";
import { event, fakeWorld, settled } from "./fakes.js";

const frame = (version, status) => ({
  type: "event",
  subscription: "s1",
  cursor: `e.${version}`,
  event: event(version, status),
});

async function listening(world, options) {
  const client = new Pressrun({ url: "http://server.test", environment: world.environment });
  const stream = client.jobs(options);
  await settled();
  await world.socket.open();
  return stream;
}

test("a channel is asked for with its filter, and is ready when the server answers", async () => {
  const world = fakeWorld();
  const stream = await listening(world, { filter: { tags: ["invoice"] } });
  assert.deepEqual(world.socket.frame("subscribe"), {
    type: "subscribe",
    channel: "jobs",
    filter: { tags: ["invoice"] },
    id: 1,
  });
  await world.socket.subscribed("s1", { cursor: "e.7" });
  await stream.ready;
  assert.equal(stream.cursor, "e.7");
});

test("a reconnect resumes after the last event that came, and repeats are dropped", async () => {
  const world = fakeWorld();
  const stream = await listening(world, { after: "e.1" });
  assert.equal(world.socket.frame("subscribe").after, "e.1");
  await world.socket.subscribed("s1", { cursor: "e.1" });
  await world.socket.receive(frame(2, "queued"));
  await world.socket.receive(frame(3, "started"));
  await world.socket.drop();
  await world.clock.advance(500);
  await world.socket.open();
  assert.equal(world.socket.frame("subscribe").after, "e.3");
  await world.socket.subscribed("s1", { cursor: "e.3" });
  await world.socket.receive(frame(3, "started"));
  await world.socket.receive(frame(4, "succeeded"));
  const seen = [];
  for await (const { sequence } of stream) {
    seen.push(sequence);
    if (sequence === 4) break;
  }
  assert.deepEqual(seen, [2, 3, 4]);
});

test("the cursor is that of the last event read, not of the last received", async () => {
  const world = fakeWorld();
  const stream = await listening(world);
  await world.socket.subscribed("s1", { cursor: "e.1" });
  await world.socket.receive(frame(2, "queued"));
  await world.socket.receive(frame(3, "started"));
  await stream.next();
  assert.equal(stream.cursor, "e.2");
  await stream.next();
  assert.equal(stream.cursor, "e.3");
});

test("pings move the cursor of a quiet subscriber", async () => {
  const world = fakeWorld();
  const stream = await listening(world);
  await world.socket.subscribed("s1", { cursor: "e.1" });
  await world.socket.receive({ type: "ping", cursors: { s1: "e.90" } });
  assert.equal(stream.cursor, "e.90");
  await world.socket.drop();
  await world.clock.advance(500);
  await world.socket.open();
  assert.equal(world.socket.frame("subscribe").after, "e.90");
});

test("a reset is told in its place, and a log that begins anew is read from its beginning", async () => {
  const world = fakeWorld();
  const stream = await listening(world);
  await world.socket.subscribed("s1", { cursor: "e.1" });
  await world.socket.receive(frame(9, "queued"));
  await world.socket.receive({ type: "reset", subscription: "s1", reason: "retention", cursor: "f.0" });
  await world.socket.receive({ ...frame(1, "queued"), cursor: "f.1" });
  const seen = [];
  for (let n = 0; n < 3; n += 1) seen.push((await stream.next()).value);
  assert.deepEqual(
    seen.map(({ type, sequence }) => [type, sequence]),
    [
      ["job.queued", 9],
      ["reset", undefined],
      ["job.queued", 1],
    ],
  );
  assert.equal(stream.cursor, "f.1");
});

test("progress of any job is told", async () => {
  const world = fakeWorld();
  const stream = await listening(world);
  const told = [];
  stream.onprogress = (...progress) => told.push(progress);
  await world.socket.subscribed("s1", { cursor: "e.1" });
  await world.socket.receive({ type: "progress", subscription: "s1", job_id: "job_1", progress: { percent: 7 } });
  assert.deepEqual(told, [["job_1", { percent: 7 }]]);
});

test("leaving the loop unsubscribes", async () => {
  const world = fakeWorld();
  const stream = await listening(world);
  await world.socket.subscribed("s1", { cursor: "e.1" });
  await world.socket.receive(frame(2, "queued"));
  for await (const _ of stream) break;
  assert.equal(world.socket.frame("unsubscribe").subscription, "s1");
});
