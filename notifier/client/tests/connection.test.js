import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError, ConnectionRefused, Pressrun, SubscriptionError, TokenExpired } from "../pressrun.js";
import { event, fakeWorld, job, json, settled } from "./fakes.js";

const URL_ = "http://server.test";
const WELCOME = { type: "welcome", reply_to: 1, ping_interval: 25 };

function connect(world, options = {}) {
  return new Pressrun({ url: URL_, environment: world.environment, ...options });
}

/** A client that follows job_1 at version 1, on an open socket. */
async function following(world, options) {
  const client = connect(world, options);
  const changes = client.job("job_1")[Symbol.asyncIterator]();
  await settled();
  await world.socket.open();
  await world.socket.subscribed("s1", { snapshot: job(1) });
  assert.equal((await changes.next()).value.data.job.version, 1);
  return { client, changes };
}

test("the first frame shows the token, and the subscription follows at once", async () => {
  const world = fakeWorld();
  connect(world, { token: "secret" }).job("job_1").done();
  await settled();
  assert.equal(world.socket.url, "ws://server.test/v1/ws");
  assert.deepEqual(world.socket.protocols, ["pressrun.v1"]);
  await world.socket.open();
  assert.deepEqual(world.socket.sent, [
    { type: "auth", token: "secret", id: 1 },
    { type: "subscribe", job_id: "job_1", id: 2 },
  ]);
});

test("a local server is shown nothing", async () => {
  const world = fakeWorld();
  connect(world).job("job_1").done();
  await settled();
  await world.socket.open();
  assert.deepEqual(world.socket.sent, [{ type: "subscribe", job_id: "job_1", id: 1 }]);
});

test("a lost connection is made again after a jittered wait, and versions that are known are not told twice", async () => {
  const world = fakeWorld();
  const { changes } = await following(world);
  await world.socket.receive({ type: "event", subscription: "s1", event: event(2, "started") });
  assert.equal((await changes.next()).value.type, "job.started");
  await world.socket.drop();
  assert.equal(world.sockets.length, 1);
  await world.clock.advance(500);
  assert.equal(world.sockets.length, 2);
  await world.socket.open();
  await world.socket.subscribed("s1", { snapshot: job(2, "running") });
  await world.socket.receive({ type: "event", subscription: "s1", event: event(2, "started") });
  await world.socket.receive({ type: "event", subscription: "s1", event: event(3, "succeeded") });
  const { value } = await changes.next();
  assert.equal(value.type, "job.succeeded");
  assert.equal((await changes.next()).done, true);
});

test("a snapshot after a reconnect tells what was missed", async () => {
  const world = fakeWorld();
  const { changes } = await following(world);
  await world.socket.drop();
  await world.clock.advance(500);
  await world.socket.open();
  await world.socket.subscribed("s9", { snapshot: job(3, "succeeded") });
  const { value } = await changes.next();
  assert.equal(value.type, "snapshot");
  assert.equal(value.data.job.status, "succeeded");
  assert.equal((await changes.next()).done, true);
});

test("waits grow while nothing answers, and start small again after a connection that lived", async () => {
  const world = fakeWorld({ answer: () => json({}, 503) });
  await following(world);
  await world.clock.advance(6_000);
  await world.socket.drop();
  const waits = [];
  for (let n = 0; n < 4; n += 1) {
    const [from, made] = [world.clock.ms, world.sockets.length];
    while (world.sockets.length === made) await world.clock.advance(100);
    waits.push(world.clock.ms - from);
    await world.socket.drop();
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000]);
});

for (const code of [1009, 4400, 4401, 4403, 4499]) {
  test(`a close with ${code} is final`, async () => {
    const world = fakeWorld();
    const { changes } = await following(world);
    const next = changes.next();
    await Promise.all([
      world.socket.drop(code, "because"),
      assert.rejects(next, (error) => error instanceof ConnectionRefused && error.closeCode === code),
    ]);
    await world.clock.advance(120_000);
    assert.equal(world.sockets.length, 1);
  });
}

for (const code of [1000, 1001, 1006, 1012, 1013, 4504, 4508, 4529, 4599]) {
  test(`a close with ${code} is followed by a reconnect`, async () => {
    const world = fakeWorld();
    await following(world);
    await world.socket.drop(code);
    await world.clock.advance(500);
    assert.equal(world.sockets.length, 2);
  });
}

test("a client whose tenant has too many connections waits longer each time, says why, and gets in at last", async () => {
  const world = fakeWorld();
  const client = connect(world, { token: "secret" });
  const done = client.job("job_1").done();
  await settled();
  const waits = [];
  for (let n = 0; n < 8; n += 1) {
    const [from, made] = [world.clock.ms, world.sockets.length];
    await world.socket.open();
    await world.socket.drop(4529, "the tenant has as many connections as it may have");
    assert.equal(client.state, "waiting");
    assert.deepEqual(client.lastClose, { code: 4529, reason: "the tenant has as many connections as it may have" });
    while (world.sockets.length === made) await world.clock.advance(100);
    waits.push(world.clock.ms - from);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  await world.socket.open();
  await world.socket.subscribed("s1", { snapshot: job(3, "succeeded") });
  assert.equal(client.lastClose, null);
  assert.equal((await done).version, 3);
});

test("a subscription that the tenant has no room for is asked for again on the same connection", async () => {
  const world = fakeWorld();
  const { client } = await following(world);
  const other = client.job("job_2").done();
  await settled();
  for (const wait of [500, 1000]) {
    const { id } = world.socket.frame("subscribe");
    await world.socket.receive({ type: "error", reply_to: id, code: "too_many_tenant_subscriptions", message: "" });
    await world.clock.advance(wait - 1);
    assert.equal(world.socket.frame("subscribe").id, id);
    await world.clock.advance(1);
    assert.equal(world.socket.frame("subscribe").job_id, "job_2");
    assert.equal(world.socket.frame("subscribe").id, id + 1);
  }
  await world.socket.subscribed("s2", { snapshot: { ...job(3, "succeeded"), id: "job_2" } });
  assert.equal((await other).id, "job_2");
  assert.equal(world.sockets.length, 1);
});

test("goaway says when to come back", async () => {
  const world = fakeWorld();
  await following(world);
  await world.socket.receive({ type: "goaway", reconnect_in_ms: 3000 });
  await world.socket.drop(1012);
  await world.clock.advance(2999);
  assert.equal(world.sockets.length, 1);
  await world.clock.advance(1);
  assert.equal(world.sockets.length, 2);
});

test("pings are answered, and silence for longer than their interval ends the connection", async () => {
  const world = fakeWorld();
  await following(world, { token: "t" });
  await world.socket.receive({ ...WELCOME, ping_interval: 10 });
  await world.clock.advance(15_000);
  await world.socket.receive({ type: "ping" });
  assert.equal(world.socket.frame("pong").type, "pong");
  await world.clock.advance(19_999);
  assert.equal(world.socket.isClosed, false);
  await world.clock.advance(1);
  assert.equal(world.sockets[0].isClosed, true);
  await world.clock.advance(500);
  assert.equal(world.sockets.length, 2);
});

test("when the network comes back, a waiting client tries at once", async () => {
  const world = fakeWorld();
  await following(world);
  await world.socket.drop();
  world.wake();
  await settled();
  assert.equal(world.sockets.length, 2);
});

test("when the page wakes, a dead line is found within seconds and a good one is kept", async () => {
  const world = fakeWorld();
  await following(world);
  world.wake();
  assert.equal(world.socket.frame("ping").type, "ping");
  await world.socket.receive({ type: "pong", reply_to: world.socket.frame("ping").id });
  await world.clock.advance(6_000);
  assert.equal(world.sockets.length, 1);
  world.wake();
  await world.clock.advance(5_500);
  assert.equal(world.sockets.length, 2);
});

test("an expired token is replaced by a fresh one of the provider", async () => {
  const world = fakeWorld();
  let asked = 0;
  await following(world, { tokenProvider: async () => `token ${(asked += 1)}` });
  await world.socket.drop(4501, "the token has expired");
  await world.clock.advance(500);
  await world.socket.open();
  assert.equal(world.socket.frame("auth").token, "token 2");
  assert.equal(asked, 2);
});

test("an expired token without a provider is an error", async () => {
  const world = fakeWorld();
  const { changes } = await following(world, { token: "once" });
  const next = changes.next();
  await Promise.all([world.socket.drop(4501), assert.rejects(next, TokenExpired)]);
  await world.clock.advance(60_000);
  assert.equal(world.sockets.length, 1);
});

test("a token is refreshed on the open connection before it expires", async () => {
  const world = fakeWorld();
  let asked = 0;
  await following(world, { tokenProvider: async () => `token ${(asked += 1)}` });
  const expiresAt = new Date(world.clock.ms + 600_000).toISOString();
  await world.socket.receive({ ...WELCOME, expires_at: expiresAt });
  for (let n = 0; n < 27; n += 1) {
    await world.clock.advance(20_000);
    await world.socket.receive({ type: "ping" });
  }
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(
    world.socket.sent.filter(({ type }) => type === "auth").map(({ token }) => token),
    ["token 1", "token 2"],
  );
});

test("a provider that fails is asked again later; a refusal by the server ends the wait", async () => {
  const world = fakeWorld();
  let asked = 0;
  const done = connect(world, {
    tokenProvider: async () => {
      asked += 1;
      if (asked === 1) throw new Error("backend is away");
      throw new ApiError(403, { code: "forbidden" });
    },
  })
    .job("job_1")
    .done();
  const refused = assert.rejects(done, (error) => error.code === "forbidden");
  await world.clock.advance(500);
  await refused;
  assert.equal(asked, 2);
  assert.equal(world.sockets.length, 0);
});

test("a refused subscription fails alone", async () => {
  const world = fakeWorld();
  const { client, changes } = await following(world);
  const other = client.job("job_2").done();
  await settled();
  const { id } = world.socket.frame("subscribe");
  await Promise.all([
    world.socket.receive({ type: "error", reply_to: id, code: "job_not_found", message: "There is no such job." }),
    assert.rejects(other, (error) => error instanceof SubscriptionError && error.code === "job_not_found"),
  ]);
  await world.socket.receive({ type: "event", subscription: "s1", event: event(2, "started") });
  assert.equal((await changes.next()).value.type, "job.started");
});

test("a finished job is unsubscribed from, and an idle connection closed", async () => {
  const world = fakeWorld();
  const { changes } = await following(world);
  await world.socket.receive({ type: "event", subscription: "s1", event: event(2, "succeeded") });
  await changes.next();
  assert.equal(world.socket.frame("unsubscribe").subscription, "s1");
  assert.equal(world.socket.isClosed, false);
  await world.clock.advance(1_000);
  assert.equal(world.socket.isClosed, true);
  assert.equal(world.clock.pending, 0);
});

test("everybody who follows a job shares one subscription", async () => {
  const world = fakeWorld();
  const client = connect(world);
  const [first, second] = [client.job("job_1").done(), client.job("job_1").done()];
  await settled();
  await world.socket.open();
  assert.equal(world.socket.sent.length, 1);
  await world.socket.subscribed("s1", { snapshot: job(2, "succeeded") });
  assert.deepEqual(await first, await second);
});

test("an address that the server names is tried before the guessed one, and the other when it does not answer", async () => {
  const world = fakeWorld();
  const tokenProvider = async () => ({ token: "t", url: "ws://push.test/v1/ws" });
  connect(world, { tokenProvider }).job("job_1").done();
  await settled();
  assert.equal(world.socket.url, "ws://push.test/v1/ws");
  await world.socket.drop();
  await world.clock.advance(500);
  assert.equal(world.socket.url, "ws://server.test/v1/ws");
});

test("an address that forbids this page is given up for the other; when that one does, too, it is final", async () => {
  const world = fakeWorld();
  const tokenProvider = async () => ({ token: "t", url: "ws://push.test/v1/ws" });
  const done = connect(world, { tokenProvider }).job("job_1").done();
  const refused = assert.rejects(done, ConnectionRefused);
  for (const address of ["ws://push.test/v1/ws", "ws://server.test/v1/ws"]) {
    await world.clock.advance(500);
    assert.equal(world.socket.url, address);
    await world.socket.open();
    await world.socket.drop(4403, "the Origin is not allowed");
  }
  await refused;
});

test("frames that are not understood are ignored", async () => {
  const world = fakeWorld();
  const { changes } = await following(world);
  world.socket.onmessage({ data: "{" });
  await world.socket.receive({ type: "from the future" });
  await world.socket.receive({ type: "event", subscription: "s77", event: event(9, "succeeded") });
  await world.socket.receive({ type: "event", subscription: "s1", event: event(2, "started") });
  assert.equal((await changes.next()).value.data.job.version, 2);
});

test("closing the client ends those who wait", async () => {
  const world = fakeWorld();
  const { client, changes } = await following(world);
  const next = changes.next();
  client.close();
  await assert.rejects(next, (error) => error.code === "closed");
  assert.equal(world.socket.isClosed, true);
  assert.equal(client.state, "idle");
});

test("the state is told as it changes", async () => {
  const world = fakeWorld();
  const client = connect(world);
  const states = [];
  client.onstate = (state) => states.push(state);
  client.job("job_1").done();
  await settled();
  await world.socket.open();
  await world.socket.subscribed("s1", { snapshot: job(1) });
  await world.socket.drop();
  assert.deepEqual(states, ["connecting", "live", "waiting"]);
});
