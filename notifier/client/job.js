import { JobCancelled, JobFailed } from "./errors.js";

/** @import * as Types from "./pressrun.js" */

/**
 * One job. Iterate it for its changes, or wait until it is `done`:
 *
 *     for await (const change of client.job(id)) show(change.data.job);
 *     const finished = await client.job(id).done();
 *
 * @implements {Types.Job}
 */
export class Job {
  /**
   * Called with each new progress while the job is iterated or awaited.
   * @type {((progress: Types.Progress) => void) | null}
   */
  onprogress = null;
  #client;
  #feed;
  #signal;

  constructor(client, feed, signal) {
    this.#client = client;
    this.#feed = feed;
    this.#signal = signal;
  }

  get id() {
    return this.#feed.id;
  }

  /** The newest state of the job that the client knows; null before the first. */
  get snapshot() {
    return this.#feed.job;
  }

  /**
   * Changes of the job: `{type: "snapshot", data: {job}}` first (and again if changes were missed), then its
   * events as the server publishes them. Ends after the last one.
   */
  [Symbol.asyncIterator]() {
    return this.#open(this.#signal);
  }

  /**
   * Returns the job when it has succeeded. Throws `JobFailed` or `JobCancelled`, with the job.
   * @param {Types.Signalled} [options]
   */
  async done({ signal } = {}) {
    const either = signal && this.#signal ? AbortSignal.any([signal, this.#signal]) : (signal ?? this.#signal);
    for await (const _ of this.#open(either)); // the feed keeps the newest state
    const job = this.#feed.job;
    if (job.status === "failed") throw new JobFailed(job);
    if (job.status === "cancelled") throw new JobCancelled(job);
    return job;
  }

  /**
   * Asks for the job over HTTP.
   * @param {Types.Signalled} [options]
   */
  async refresh({ signal } = {}) {
    const snapshot = await this.#fetch("", { signal });
    this.#feed.receive({ type: "subscribed", snapshot });
    return snapshot;
  }

  /**
   * Returns the events of the job, oldest first.
   * @param {Types.Signalled} [options]
   */
  async events({ signal } = {}) {
    return (await this.#fetch("/events", { signal })).items;
  }

  /**
   * Returns the result as a Blob.
   * @param {Types.Signalled} [options]
   */
  async result({ signal } = {}) {
    const response = await this.#client.send(this.#path("/result"), { token: this.#feed.token, signal });
    return response.blob();
  }

  /**
   * Cancels the job. Needs an API key, like the methods below.
   * @param {Types.Signalled} [options]
   */
  async cancel({ signal } = {}) {
    const snapshot = await this.#fetch("/cancel", { method: "POST", signal });
    this.#feed.receive({ type: "subscribed", snapshot });
    return snapshot;
  }

  /**
   * Submits a new job that does the same.
   * @param {Types.Signalled} [options]
   */
  async retry({ signal } = {}) {
    return this.#client.adopt(await this.#fetch("/retry", { method: "POST", signal }));
  }

  /**
   * Deletes a finished job with its input and result.
   * @param {Types.Signalled} [options]
   */
  async delete({ signal } = {}) {
    await this.#fetch("", { method: "DELETE", signal });
  }

  #open(signal) {
    signal?.throwIfAborted();
    return this.#client.follow(this.#feed, (progress) => this.onprogress?.(progress), signal);
  }

  #path(below) {
    return `/v1/jobs/${encodeURIComponent(this.id)}${below}`;
  }

  #fetch(below, request) {
    return this.#client.request(this.#path(below), { token: this.#feed.token, ...request });
  }
}
