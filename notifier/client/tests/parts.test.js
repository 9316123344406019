import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../backoff.js";
import { EventStreamParser } from "../event_stream.js";
import { Queue } from "../queue.js";

test("waits are random between zero and a ceiling that doubles up to the cap", () => {
  const longest = new Backoff({ baseMs: 100, capMs: 450, random: () => 1 });
  assert.deepEqual([longest.next(), longest.next(), longest.next(), longest.next()], [100, 200, 400, 450]);
  longest.reset();
  assert.equal(longest.next(), 100);
  assert.equal(new Backoff({ random: () => 0 }).next(), 0);
});

test("an event stream may be cut anywhere", () => {
  const text =
    ': hello\r\nretry: 1500\nid: a.1\nevent: job.queued\ndata: {"a":\ndata:1}\r\n\r\nid\ndata: x\n\nevent: empty\n\n';
  const whole = new EventStreamParser();
  const expected = [
    { id: "a.1", type: "job.queued", data: '{"a":\n1}' },
    { id: "", type: "message", data: "x" },
  ];
  assert.deepEqual(whole.feed(text), expected);
  assert.equal(whole.retryMs, 1500);
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = new EventStreamParser();
    assert.deepEqual([...parser.feed(text.slice(0, cut)), ...parser.feed(text.slice(cut))], expected);
  }
});

test("a queue gives what it was given, then ends or fails, once", async () => {
  const queue = new Queue();
  queue.push(1);
  queue.fail(new Error("over"));
  queue.push(2);
  assert.deepEqual(await queue.next(), { value: 1, done: false });
  await assert.rejects(queue.next(), { message: "over" });
  assert.deepEqual(await queue.next(), { value: undefined, done: true });
});
