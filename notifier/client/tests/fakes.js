/** A world for tests: time that moves when it is told to, sockets that a test answers, requests that it serves. */

export class FakeClock {
  ms = 1_700_000_000_000;
  #timers = new Map();
  #last = 0;

  setTimeout = (callback, ms) => {
    this.#last += 1;
    this.#timers.set(this.#last, { at: this.ms + ms, callback });
    return this.#last;
  };

  clearTimeout = (timer) => {
    this.#timers.delete(timer);
  };

  get pending() {
    return this.#timers.size;
  }

  /** Lets time pass; what becomes due runs in order. */
  async advance(ms) {
    const until = this.ms + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.ms = Math.max(this.ms, due[1].at);
      due[1].callback();
      await settled();
    }
    this.ms = until;
  }
}

/** Returns when everything that waited for nothing but its turn has had it. */
export async function settled() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeSocket {
  sent = [];
  isClosed = false;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  // --- what a test does -----------------------------------------------------------------------------------------

  async open() {
    this.onopen();
    await settled();
  }

  async receive(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
    await settled();
  }

  async drop(code = 1006, reason = "") {
    this.onclose({ code, reason });
    await settled();
  }

  /** The last frame of this type that the client sent. */
  frame(type) {
    return this.sent.findLast((frame) => frame.type === type);
  }

  /** Answers the last subscribe frame. */
  subscribed(subscription, members) {
    return this.receive({ type: "subscribed", reply_to: this.frame("subscribe").id, subscription, ...members });
  }
}

/** An environment for `new Pressrun({environment})`, with `sockets` and `requests` as far as they were made. */
export function fakeWorld({ answer = () => new Response(null, { status: 500 }) } = {}) {
  const clock = new FakeClock();
  const world = {
    clock,
    sockets: [],
    requests: [],
    answer,
    wake: () => {},
    get socket() {
      return world.sockets.at(-1);
    },
  };
  world.environment = {
    fetch: async (url, request) => {
      world.requests.push({ url, ...request });
      return world.answer(url, request);
    },
    WebSocket: class extends FakeSocket {
      constructor(...where) {
        super(...where);
        world.sockets.push(this);
      }
    },
    now: () => clock.ms,
    setTimeout: clock.setTimeout,
    clearTimeout: clock.clearTimeout,
    random: () => 1, // the longest wait
    onWake: (callback) => {
      world.wake = callback;
      return () => {
        world.wake = () => {};
      };
    },
  };
  return world;
}

export function job(version, status = "queued", more = {}) {
  return { id: "job_1", status, version, error: null, ...more };
}

export function event(version, status, sequence = version) {
  return { id: `evt_${version}`, type: `job.${status}`, sequence, data: { job: job(version, status) } };
}

export function json(document, status = 200, headers = {}) {
  return new Response(JSON.stringify(document), {
    status,
    headers: { "Content-Type": "application/json", ...headers },
  });
}
