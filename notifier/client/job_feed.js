import { Queue } from "./queue.js";

const TERMINAL = new Set(["succeeded", "failed", "cancelled"]);

export function isTerminal(job) {
  return TERMINAL.has(job.status);
}

/**
 * What is known about one job, and everybody in this client who follows it: one subscription for all of them.
 *
 * Whatever way news arrive (snapshot, event, poll; again after a reconnect), each version is told once, in order.
 */
export class JobFeed {
  #listeners = new Set();
  #onIdle;

  /** `known` is the job as far as the client has it; `token` its own token; `onIdle` hears when nobody follows. */
  constructor(id, { known = null, token = null, onIdle = () => {} } = {}) {
    this.id = id;
    this.job = known;
    this.token = token;
    this.#onIdle = onIdle;
  }

  /** The subscribe frame's members. */
  get request() {
    return { job_id: this.id };
  }

  /** Whether there is nothing more to come. */
  get isOver() {
    return this.job !== null && isTerminal(this.job);
  }

  /** A reader of changes, beginning with the state as it is known. `onProgress` hears what is never queued. */
  open(onProgress = () => {}, signal = null) {
    const listener = { onProgress };
    const abort = () => listener.queue.fail(signal.reason);
    listener.queue = new Queue(() => {
      signal?.removeEventListener("abort", abort);
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#onIdle();
    });
    signal?.addEventListener("abort", abort);
    this.#listeners.add(listener);
    if (this.job) listener.queue.push(snapshot(this.job));
    if (this.isOver) listener.queue.end();
    return listener.queue;
  }

  /** A frame of the server's that concerns this job. */
  receive(frame) {
    if (this.isOver) return;
    if (frame.type === "event") this.#tell(frame.event);
    else if (frame.type === "progress") this.#progress(frame.progress);
    else if (frame.snapshot) this.#tell(snapshot(frame.snapshot));
  }

  /** No more news: everybody who waits is told why. */
  fail(error) {
    for (const listener of [...this.#listeners]) listener.queue.fail(error);
  }

  #tell(change) {
    const { job } = change.data;
    if (this.job && job.version <= this.job.version) return;
    this.job = job;
    for (const listener of [...this.#listeners]) {
      listener.queue.push(change);
      if (this.isOver) listener.queue.end();
    }
  }

  #progress(progress) {
    if (this.job) this.job = { ...this.job, progress };
    for (const listener of [...this.#listeners]) listener.onProgress(progress);
  }
}

/** Shaped like an event, so that readers have one way to look at both. */
function snapshot(job) {
  return { type: "snapshot", data: { job } };
}
