import { Queue } from "./queue.js";

/** @import * as Types from "./pressrun.js" */

const TERMINAL = new Set(["succeeded", "failed", "cancelled"]);

/**
 * The state of one job, and its readers in this client: one subscription serves all of them.
 *
 * Each version reaches the readers once and in order, also after a reconnect, as snapshot or as event.
 */
export class JobFeed {
  /**
   * The newest state that is known.
   * @type {Types.JobDocument | null}
   */
  job = null;
  /**
   * The job's own token.
   * @type {string | null}
   */
  token = null;
  #listeners = new Set();
  #onIdle;

  /** `onIdle` is called when the last reader stops. */
  constructor(id, onIdle) {
    this.id = id;
    this.#onIdle = onIdle;
  }

  /** The subscribe frame's members. */
  get request() {
    return { job_id: this.id };
  }

  /** Whether the job has ended. */
  get isOver() {
    return this.job !== null && TERMINAL.has(this.job.status);
  }

  /**
   * Returns a reader of changes, which begins with the known state. Progress goes to `onProgress`, and is not queued.
   * @param {(progress: Types.Progress) => void} onProgress
   * @param {AbortSignal} [signal]
   */
  open(onProgress = () => {}, signal) {
    const abort = () => queue.fail(signal?.reason);
    const queue = new Queue(() => {
      signal?.removeEventListener("abort", abort);
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#onIdle();
    });
    const listener = { onProgress, queue };
    signal?.addEventListener("abort", abort);
    this.#listeners.add(listener);
    if (this.job) queue.push(snapshot(this.job));
    if (this.isOver) queue.end();
    return queue;
  }

  /** Handles a frame of the server about this job. */
  receive(frame) {
    if (this.isOver) return;
    if (frame.type === "event") this.#tell(frame.event);
    else if (frame.type === "progress") this.#progress(frame.progress);
    else if (frame.snapshot) this.#tell(snapshot(frame.snapshot));
  }

  /** Ends all readers with an error. */
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

/** Makes a change of the shape of an event, so that readers treat both alike. */
function snapshot(job) {
  return { type: "snapshot", data: { job } };
}
