import { JobCancelled, JobFailed } from "./errors.js";

/**
 * One job. Iterate it for its changes, or wait until it is `done`:
 *
 *     for await (const change of client.job(id)) show(change.data.job);
 *     const finished = await client.job(id).done();
 */
export class Job {
  /** Called with `{percent, stage, page}` while somebody iterates or waits. */
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

  /** The job as it was last heard of; null before the first news. */
  get snapshot() {
    return this.#feed.job;
  }

  /**
   * Changes of the job: `{type: "snapshot", data: {job}}` first (and again where changes were missed), then its
   * events as the server publishes them. Ends after the last one.
   */
  [Symbol.asyncIterator]() {
    return this.#open(this.#signal);
  }

  /** The job once it has succeeded. Throws `JobFailed` or `JobCancelled`, which have the job, too. */
  async done({ signal } = {}) {
    const either = signal && this.#signal ? AbortSignal.any([signal, this.#signal]) : (signal ?? this.#signal);
    for await (const _ of this.#open(either)); // the feed remembers
    const job = this.#feed.job;
    if (job.status === "failed") throw new JobFailed(job);
    if (job.status === "cancelled") throw new JobCancelled(job);
    return job;
  }

  /** The job now, asked over HTTP. */
  async refresh({ signal } = {}) {
    const snapshot = await this.#fetch("", { signal });
    this.#feed.receive({ type: "subscribed", snapshot });
    return snapshot;
  }

  /** What happened to it, oldest first. */
  async events({ signal } = {}) {
    return (await this.#fetch("/events", { signal })).items;
  }

  /** What it produced, as a Blob. */
  async result({ signal } = {}) {
    const response = await this.#client.send(this.#path("/result"), { token: this.#feed.token, signal });
    return response.blob();
  }

  /** Ends it. Needs an API key, like everything below. */
  async cancel({ signal } = {}) {
    const snapshot = await this.#fetch("/cancel", { method: "POST", signal });
    this.#feed.receive({ type: "subscribed", snapshot });
    return snapshot;
  }

  /** A new job that does the same. */
  async retry({ signal } = {}) {
    return this.#client.adopt(await this.#fetch("/retry", { method: "POST", signal }));
  }

  /** Removes a finished job with its input and result. */
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
