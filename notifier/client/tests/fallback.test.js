import assert from "node:assert/strict";
import { test } from "node:test";

import { Pressrun } from "../pressrun.js";
import { event, fakeWorld, job, json, settled } from "./fakes.js";

/** A response body that a test writes to. */
function eventStream() {
  let controller;
  const body = new ReadableStream({
    start: (given) => {
      controller = given;
    },
  });
  const encoder = new TextEncoder();
  return {
    response: new Response(body, { headers: { "Content-Type": "text/event-stream" } }),
    write: async (text) => {
      controller.enqueue(encoder.encode(text));
      await settled();
    },
    end: async () => {
      controller.close();
      await settled();
    },
  };
}

const message = (id, type, data) => `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

/** No WebSocket gets through: two attempts fail. */
async function blocked(world) {
  await settled();
  await world.socket.drop();
  await world.clock.advance(500);
  await world.socket.drop();
  await settled();
}

test("a channel goes on by server-sent events, with the token in a header", async () => {
  const stream = eventStream();
  const world = fakeWorld({ answer: () => stream.response });
  const client = new Pressrun({ url: "http://server.test", token: "t", environment: world.environment });
  const channel = client.jobs({ after: "e.4" });
  await blocked(world);
  const [request] = world.requests;
  assert.equal(request.url, "http://server.test/v1/events");
  assert.deepEqual(request.headers, { Accept: "text/event-stream", "Last-Event-ID": "e.4", Authorization: "Bearer t" });
  assert.equal(client.state, "fallback");
  await stream.write(message("e.5", "job.queued", event(5, "queued")));
  assert.equal((await channel.next()).value.sequence, 5);
  assert.equal(channel.cursor, "e.5");
});

test("progress and resets come through, too", async () => {
  const stream = eventStream();
  const world = fakeWorld({ answer: () => stream.response });
  const channel = new Pressrun({ url: "http://server.test", environment: world.environment }).jobs();
  const told = [];
  channel.onprogress = (...progress) => told.push(progress);
  await blocked(world);
  await stream.write('event: progress\ndata: {"job_id":"job_1","progress":{"percent":3}}\n\n');
  await stream.write('id: f.9\nevent: reset\ndata: {"reason":"retention","cursor":"f.9"}\n\n');
  assert.deepEqual(told, [["job_1", { percent: 3 }]]);
  assert.deepEqual((await channel.next()).value, { type: "reset", reason: "retention", cursor: "f.9" });
});

test("a stream that ends is opened again where it ended, after the wait that the server asked for", async () => {
  const streams = [eventStream(), eventStream()];
  const world = fakeWorld({ answer: () => streams[world.requests.length - 1].response });
  const channel = new Pressrun({ url: "http://server.test", environment: world.environment }).jobs();
  await blocked(world);
  await streams[0].write(`retry: 900\n${message("e.5", "job.queued", event(5, "queued"))}`);
  await streams[0].end();
  await world.clock.advance(899);
  assert.equal(world.requests.length, 1);
  await world.clock.advance(1);
  assert.equal(world.requests[1].headers["Last-Event-ID"], "e.5");
  channel.return();
});

test("a refused stream is asked for again after the wait that the server names, and a growing one of its own", async () => {
  const world = fakeWorld({ answer: () => json({ code: "too_many_connections" }, 429, { "Retry-After": "5" }) });
  const channel = new Pressrun({ url: "http://server.test", environment: world.environment }).jobs();
  await blocked(world);
  const waits = [];
  for (let n = 0; n < 3; n += 1) {
    const [from, made] = [world.clock.ms, world.requests.length];
    while (world.requests.length === made) await world.clock.advance(100);
    waits.push(world.clock.ms - from);
  }
  assert.deepEqual(waits, [5500, 6000, 7000]);
  channel.return();
});

test("the cursor moves with blocks that have no event in them", async () => {
  const stream = eventStream();
  const world = fakeWorld({ answer: () => stream.response });
  const channel = new Pressrun({ url: "http://server.test", environment: world.environment }).jobs();
  await blocked(world);
  await stream.write("retry: 2000\nid: e.40\n\n: \nid: e.41\n\n");
  assert.equal(channel.cursor, "e.41");
  channel.return();
});

test("filters go into the query, several values with commas between", async () => {
  const world = fakeWorld({ answer: () => eventStream().response });
  const client = new Pressrun({ url: "http://server.test", environment: world.environment });
  const channel = client.jobs({ filter: { kinds: ["pdf.render"], types: ["job.*", "progress"] } });
  await blocked(world);
  assert.equal(world.requests[0].url, "http://server.test/v1/events?kinds=pdf.render&types=job.*%2Cprogress");
  channel.return();
});

test("a single job goes on with its own token, from a snapshot read after the stream had begun", async () => {
  const stream = eventStream();
  const answers = {
    "http://server.test/v1/events?job_id=job_1": () => stream.response,
    "http://server.test/v1/jobs/job_1": () => json(job(1)),
  };
  const world = fakeWorld({ answer: (url) => answers[url]() });
  const seen = [];
  const following = (async () => {
    const client = new Pressrun({ url: "http://server.test", environment: world.environment });
    for await (const change of client.job("job_1", { token: "its own" })) seen.push(change.type);
  })();
  await blocked(world);
  assert.deepEqual(
    world.requests.map(({ headers }) => headers.Authorization),
    ["Bearer its own", "Bearer its own"],
  );
  await stream.write(message("e.2", "job.started", event(2, "started")));
  await stream.write(message("e.3", "job.succeeded", event(3, "succeeded")));
  await following;
  assert.deepEqual(seen, ["snapshot", "job.started", "job.succeeded"]);
});

test("what happened to a job before the stream began is read from its log", async () => {
  const answers = {
    "http://server.test/v1/events?job_id=job_1": () => eventStream().response,
    "http://server.test/v1/jobs/job_1": () => json(job(3, "succeeded")),
    "http://server.test/v1/jobs/job_1/events": () =>
      json({ items: [event(1, "queued"), event(2, "started"), event(3, "succeeded")] }),
  };
  const world = fakeWorld({ answer: (url) => answers[url]() });
  const client = new Pressrun({ url: "http://server.test", environment: world.environment });
  const seen = [];
  const following = (async () => {
    for await (const change of client.job("job_1")) seen.push(change.type);
  })();
  await settled();
  await world.socket.open();
  await world.socket.subscribed("s1", { snapshot: job(1) });
  await world.socket.drop();
  for (let n = 0; n < 2; n += 1) {
    while (world.sockets.length === n + 1) await world.clock.advance(500);
    await world.socket.drop();
  }
  await following;
  assert.deepEqual(seen, ["snapshot", "job.started", "job.succeeded"]);
});

test("WebSockets are tried again meanwhile, and take over", async () => {
  const stream = eventStream();
  const world = fakeWorld({ answer: () => stream.response });
  const client = new Pressrun({ url: "http://server.test", environment: world.environment });
  const channel = client.jobs();
  await blocked(world);
  await world.clock.advance(1_000);
  await world.socket.open();
  await world.socket.subscribed("s1", { cursor: "e.1" });
  assert.equal(client.state, "live");
  assert.equal(world.requests[0].signal.aborted, true);
  await world.socket.receive({ type: "event", subscription: "s1", cursor: "e.2", event: event(2, "queued") });
  assert.equal((await channel.next()).value.sequence, 2);
});

test("a job that is not there is an error", async () => {
  const world = fakeWorld({ answer: () => json({ code: "job_not_found", detail: "No." }, 404) });
  const done = new Pressrun({ url: "http://server.test", environment: world.environment }).job("job_1").done();
  const failed = assert.rejects(done, (error) => error.code === "job_not_found");
  await blocked(world);
  await failed;
});
