import { Queue } from "./queue.js";

/** @import * as Types from "./pressrun.js" */

/**
 * All jobs of the tenant: their events, in order, each once. An async iterator.
 *
 * Yields events as the server sends them, and `{type: "reset", reason, cursor}` where events are lost for good
 * (longer away than the server remembers): list the jobs then.
 *
 * @implements {Types.JobsStream}
 */
export class ChannelStream {
  /**
   * Called with each new progress of a job.
   * @type {((jobId: string, progress: Types.Progress) => void) | null}
   */
  onprogress = null;
  /** @type {string | null} */
  token = null;
  #filter;
  #queue;
  #received;
  #taken;
  #sequence = 0;

  /** @param {Types.JobsOptions & { onStop?: () => void }} [options] */
  constructor({ after, filter, signal, onStop = () => {} } = {}) {
    this.#received = after ?? null;
    this.#taken = after ?? null;
    this.#filter = filter ?? null;
    const abort = () => this.fail(signal?.reason);
    this.#queue = new Queue(() => {
      signal?.removeEventListener("abort", abort);
      onStop();
    });
    signal?.addEventListener("abort", abort);
    /** Resolves once the server has begun to send; what happens from then on is not missed. */
    this.ready = /** @type {Promise<void>} */ (
      new Promise((resolve, reject) => {
        this.#settle = { resolve, reject };
      })
    );
    this.ready.catch(() => {}); // the reader gets the error, too
  }

  #settle;

  /** Where to resume: everything up to here has been read. Keep it, and pass it as `after` next time. */
  get cursor() {
    return this.#queue.isEmpty ? this.#received : this.#taken;
  }

  /** The subscribe frame's members. */
  get request() {
    return {
      channel: "jobs",
      ...(this.#received && { after: this.#received }),
      ...(this.#filter && { filter: this.#filter }),
    };
  }

  get filter() {
    return this.#filter ?? {};
  }

  /** Events up to the cursor have been sent or do not pass the filter. */
  advance(cursor) {
    this.#received = cursor;
  }

  /** A frame of the server's for this subscription. */
  receive(frame) {
    if (frame.type === "progress") {
      this.onprogress?.(frame.job_id, frame.progress);
      return;
    }
    if (frame.type === "event") this.#event(frame);
    else if (frame.type === "reset") this.#reset(frame);
    if (frame.cursor) this.#received = frame.cursor;
    if (frame.type === "subscribed") this.#settle.resolve();
  }

  fail(error) {
    this.#settle.reject(error);
    this.#queue.fail(error);
  }

  async next() {
    const { value, done } = await this.#queue.next();
    if (done) return { value: undefined, done };
    if (value.cursor) this.#taken = value.cursor;
    return { value: value.item, done };
  }

  return() {
    return this.#queue.return();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #event({ event, cursor }) {
    if (event.sequence <= this.#sequence) return;
    this.#sequence = event.sequence;
    this.#queue.push({ item: event, cursor });
  }

  #reset({ reason, cursor }) {
    this.#sequence = 0; // the log may have begun anew
    this.#queue.push({ item: { type: "reset", reason, cursor }, cursor });
  }
}
