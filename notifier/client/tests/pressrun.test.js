import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError, JobCancelled, JobFailed, NetworkError, Pressrun } from "../pressrun.js";
import { event, fakeWorld, job, json, settled } from "./fakes.js";

function connect(world, options = {}) {
  return new Pressrun({ url: "http://server.test/", environment: world.environment, ...options });
}

const ACCEPTED = {
  ...job(1),
  subscription: { token: "of the job", cursor: "e.1" },
  links: { websocket: "ws://push.test/v1/ws" },
};

test("a submission sends the document, an idempotency key and the API key", async () => {
  const world = fakeWorld({ answer: () => json(ACCEPTED, 202) });
  const submitted = await connect(world, { apiKey: "key" }).submit("<h1>Hi</h1>", {
    options: { page_size: "a5" },
    tags: ["x"],
  });
  const [request] = world.requests;
  assert.equal(request.url, "http://server.test/v1/jobs");
  assert.equal(request.headers.Authorization, "Bearer key");
  assert.match(request.headers["Idempotency-Key"], /^[0-9a-f-]{36}$/);
  assert.deepEqual(JSON.parse(request.body), {
    kind: "pdf.render",
    input: { html: "<h1>Hi</h1>" },
    options: { page_size: "a5" },
    tags: ["x"],
  });
  assert.equal(submitted.id, "job_1");
  assert.equal(submitted.snapshot.version, 1);
  assert.equal("subscription" in submitted.snapshot, false);
});

test("a lost answer is asked for again under the same key", async () => {
  let tries = 0;
  const world = fakeWorld({
    answer: () => {
      tries += 1;
      if (tries === 1) throw new TypeError("connection reset");
      if (tries === 2) return json({ code: "store_unavailable" }, 503, { "Retry-After": "2" });
      return json(ACCEPTED, 202);
    },
  });
  const submitting = connect(world).submit({ markdown: "# Hi" });
  await world.clock.advance(500);
  await world.clock.advance(2_000);
  await submitting;
  const keys = new Set(world.requests.map(({ headers }) => headers["Idempotency-Key"]));
  assert.deepEqual([world.requests.length, keys.size], [3, 1]);
});

test("input that does not fit is not sent again", async () => {
  const errors = [{ pointer: "/options/page_size", message: "no such size" }];
  const world = fakeWorld({ answer: () => json({ code: "invalid_input", detail: "No.", errors }, 422) });
  await assert.rejects(connect(world).submit("x"), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.code, error.message], [422, "invalid_input", "No."]);
    assert.deepEqual(error.errors, errors);
    return true;
  });
  assert.equal(world.requests.length, 1);
});

test("a submitted job is followed with the token and the address of the answer", async () => {
  const world = fakeWorld({ answer: () => json(ACCEPTED, 202) });
  const submitted = await connect(world).submit("x");
  const done = submitted.done();
  await settled();
  assert.equal(world.socket.url, "ws://push.test/v1/ws");
  await world.socket.open();
  assert.equal(world.socket.frame("auth").token, "of the job");
  await world.socket.subscribed("s1", { snapshot: job(1) });
  await world.socket.receive({ type: "event", subscription: "s1", event: event(2, "succeeded") });
  assert.equal((await done).status, "succeeded");
});

test("an API key makes one token for all jobs", async () => {
  const world = fakeWorld({
    answer: (url) =>
      url.endsWith("/tokens") ? json({ token: "minted", url: "ws://push.test/v1/ws" }) : json(ACCEPTED, 202),
  });
  const client = connect(world, { apiKey: "key" });
  (await client.submit("x")).done();
  client.job("job_2").done();
  await settled();
  await world.socket.open();
  const shown = world.socket.sent.filter(({ type }) => type === "auth");
  assert.deepEqual(
    shown.map(({ token }) => token),
    ["minted"],
  );
  assert.equal(world.requests.filter(({ url }) => url.endsWith("/tokens")).length, 1);
});

test("iterating tells the snapshot, then each event, and ends with the last", async () => {
  const world = fakeWorld();
  const seen = [];
  const following = (async () => {
    for await (const change of connect(world).job("job_1")) seen.push([change.type, change.data.job.version]);
  })();
  await settled();
  await world.socket.open();
  await world.socket.subscribed("s1", { snapshot: job(1) });
  await world.socket.receive({ type: "event", subscription: "s1", event: event(2, "started") });
  await world.socket.receive({ type: "event", subscription: "s1", event: event(3, "failed") });
  await following;
  assert.deepEqual(seen, [
    ["snapshot", 1],
    ["job.started", 2],
    ["job.failed", 3],
  ]);
});

test("progress is told and remembered", async () => {
  const world = fakeWorld();
  const followed = connect(world).job("job_1");
  const told = [];
  followed.onprogress = (progress) => told.push(progress.percent);
  followed.done();
  await settled();
  await world.socket.open();
  await world.socket.subscribed("s1", { snapshot: job(1) });
  await world.socket.receive({ type: "progress", subscription: "s1", job_id: "job_1", progress: { percent: 40 } });
  assert.deepEqual(told, [40]);
  assert.equal(followed.snapshot.progress.percent, 40);
});

test("a job that ends without a result throws, and tells why", async () => {
  const error = { code: "render_timeout", message: "It took too long.", retryable: false };
  for (const [status, type, code] of [
    ["failed", JobFailed, "render_timeout"],
    ["cancelled", JobCancelled, "job_cancelled"],
  ]) {
    const world = fakeWorld();
    const done = connect(world).job("job_1").done();
    await settled();
    await world.socket.open();
    await Promise.all([
      world.socket.subscribed("s1", { snapshot: job(3, status, { error }) }),
      assert.rejects(done, (thrown) => thrown instanceof type && thrown.code === code && thrown.job.version === 3),
    ]);
  }
});

test("an aborted wait ends at once and leaves nothing behind", async () => {
  const world = fakeWorld();
  const stopping = new AbortController();
  const done = connect(world).job("job_1").done({ signal: stopping.signal });
  await settled();
  await world.socket.open();
  await world.socket.subscribed("s1", { snapshot: job(1) });
  stopping.abort();
  await assert.rejects(done, { name: "AbortError" });
  assert.equal(world.socket.frame("unsubscribe").subscription, "s1");
  await world.clock.advance(1_000);
  assert.equal(world.clock.pending, 0);
});

test("leaving the loop unsubscribes", async () => {
  const world = fakeWorld();
  const following = (async () => {
    for await (const _ of connect(world).job("job_1")) break;
  })();
  await settled();
  await world.socket.open();
  await world.socket.subscribed("s1", { snapshot: job(1) });
  await following;
  assert.equal(world.socket.frame("unsubscribe").subscription, "s1");
});

test("a server that is not there is a network error", async () => {
  const world = fakeWorld({ answer: () => Promise.reject(new TypeError("refused")) });
  await assert.rejects(connect(world).list(), NetworkError);
});

test("queries are spelled out, and empty members left away", async () => {
  const world = fakeWorld({ answer: () => json({ items: [], next_cursor: null }) });
  await connect(world).list({ status: "failed", tag: "a b", cursor: undefined, kind: "" });
  assert.equal(world.requests[0].url, "http://server.test/v1/jobs?status=failed&tag=a+b");
});

test("cancelling tells those who follow without waiting for the event", async () => {
  const world = fakeWorld({ answer: () => json(job(2, "cancelled")) });
  const followed = connect(world).job("job_1");
  const done = followed.done();
  await settled();
  await Promise.all([followed.cancel(), assert.rejects(done, JobCancelled)]);
});
