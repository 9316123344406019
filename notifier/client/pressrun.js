/**
 * The JavaScript client of Pressrun, for browsers and Node 20 or newer (WebSockets from Node 22 on). No dependencies.
 *
 *     import { Pressrun } from "/client/pressrun.js";
 *     const client = new Pressrun({ tokenProvider: () => fetch("/my-backend/token").then((answer) => answer.json()) });
 *     const job = client.job(id);
 *     job.onprogress = ({ percent }) => bar.value = percent;
 *     const { result } = await job.done();
 */

import { ChannelStream } from "./channel_stream.js";
import { Connection } from "./connection.js";
import { Credentials } from "./credentials.js";
import { realEnvironment } from "./environment.js";
import { ApiError, NetworkError, PressrunError } from "./errors.js";
import { Backoff } from "./backoff.js";
import { Fallback } from "./fallback.js";
import { Http } from "./http.js";
import { Job } from "./job.js";
import { JobFeed } from "./job_feed.js";

export * from "./errors.js";

/** @import * as Types from "./pressrun.js" */

const SUBMIT_TRIES = 4;

/** @implements {Types.Pressrun} */
export class Pressrun {
  /**
   * Called with the new state of the connection: see `state`.
   * @type {((state: Types.ConnectionState) => void) | null}
   */
  onstate = null;
  #environment;
  #http;
  #credentials;
  #connection;
  #feeds = new Map();

  /**
   * `url` is the server's (default: that of the page). Credentials: `apiKey` on a backend, `token` or
   * `tokenProvider` in a browser (what `POST /v1/tokens` answers, or only its `token`); none for a local server.
   * @param {Types.PressrunOptions} [options]
   */
  constructor({ url, websocketUrl, apiKey, token, tokenProvider, environment } = {}) {
    const base = url ?? globalThis.location?.origin;
    if (!base) throw new TypeError("Pressrun needs the server's url.");
    this.#environment = { ...realEnvironment(), ...environment };
    this.#http = new Http(base, this.#environment);
    this.#credentials = new Credentials({
      apiKey,
      token,
      tokenProvider,
      mint: () => this.request("/v1/tokens", { method: "POST", body: { channel: "jobs" } }),
      now: this.#environment.now,
    });
    const fallback = new Fallback({
      http: this.#http,
      credentials: this.#credentials,
      environment: this.#environment,
      onRefused: (subscription, error) => {
        this.#connection.detach(subscription);
        subscription.fail(error);
      },
    });
    this.#connection = new Connection({
      address: websocketUrl ?? `${this.#http.base.replace(/^http/, "ws")}/v1/ws`,
      takesHints: !websocketUrl,
      credentials: this.#credentials,
      fallback,
      environment: this.#environment,
      onState: (state) => this.onstate?.(state),
    });
  }

  /** `idle`, `connecting`, `live`, `waiting` (to try again) or `fallback` (server-sent events). */
  get state() {
    return this.#connection.state;
  }

  /**
   * How the last WebSocket was closed, such as `{code: 4529, reason: "the tenant has …"}`; null while one works.
   * It tells why the client is `waiting`.
   */
  get lastClose() {
    return this.#connection.lastClose;
  }

  /**
   * Submits a document and returns its `Job`. `input` is HTML, or an object such as `{markdown}`, `{url}` or
   * `{template, data}`. Every other member of `fields` is one of `POST /v1/jobs` (`options`, `priority`, `tags`, …).
   * A request whose answer was lost is repeated with the same idempotency key.
   * @param {string | Record<string, unknown>} input
   * @param {Types.SubmitOptions} [fields]
   */
  async submit(input, { kind = "pdf.render", idempotencyKey, signal, ...fields } = {}) {
    const body = { kind, input: typeof input === "string" ? { html: input } : input, ...fields };
    const headers = { "Idempotency-Key": idempotencyKey ?? globalThis.crypto.randomUUID() };
    const backoff = new Backoff({ random: this.#environment.random });
    for (let tried = 1; ; tried += 1) {
      try {
        return this.adopt(await this.request("/v1/jobs", { method: "POST", body, headers, signal }));
      } catch (error) {
        const isPassing = error instanceof NetworkError || (error instanceof ApiError && error.retryAfterMs !== null);
        if (!isPassing || tried === SUBMIT_TRIES) throw error;
        await this.#sleep((error instanceof ApiError && error.retryAfterMs) || backoff.next(), signal);
      }
    }
  }

  /**
   * Returns the job with this id; sends nothing yet. `token` is the job's own, from the answer to its submission.
   * @param {string} id
   * @param {Types.Signalled & { token?: string | null }} [options]
   */
  job(id, { token = null, signal } = {}) {
    return new Job(this, this.#feed(id, token), signal);
  }

  /**
   * The events of all jobs, from now on or `after` a cursor: an async iterator with `cursor`, `ready` and
   * `onprogress`. `filter` narrows it: `{kinds, tags, types}`, each a list.
   * @param {Types.JobsOptions} [options]
   */
  jobs({ after, filter, signal } = {}) {
    signal?.throwIfAborted();
    const stream = new ChannelStream({ after, filter, signal, onStop: () => this.#connection.detach(stream) });
    this.#connection.attach(stream);
    return stream;
  }

  /**
   * Returns a page of jobs, newest first: `{items, next_cursor}`. `query` is that of `GET /v1/jobs`.
   * @param {Types.Signalled & Record<string, unknown>} [query]
   */
  list({ signal, ...query } = {}) {
    return this.request("/v1/jobs", { query, signal });
  }

  /**
   * Calls the HTTP API and returns the JSON in the answer. Throws `ApiError` or `NetworkError`.
   * @param {string} path
   * @param {Types.RequestOptions} [request]
   */
  async request(path, { token = null, ...request } = {}) {
    return this.#http.json(path, { ...request, bearer: await this.#credentials.bearer(token) });
  }

  /**
   * Calls the HTTP API and returns the answer itself.
   * @param {string} path
   * @param {Types.RequestOptions} [request]
   */
  async send(path, { token = null, ...request } = {}) {
    return this.#http.send(path, { ...request, bearer: await this.#credentials.bearer(token) });
  }

  /** Ends all subscriptions. Their readers get an error with the code `closed`. */
  close() {
    this.#connection.close(new PressrunError("closed", "The client was closed."));
  }

  /** Returns the `Job` for the answer to a submission. */
  adopt({ subscription, ...document }) {
    this.#connection.hint(document.links?.websocket);
    // With a token for all jobs, one for each would only fill the connection's list of tokens.
    const feed = this.#feed(document.id, this.#credentials.canRefresh ? null : subscription?.token);
    feed.receive({ type: "subscribed", snapshot: document });
    return new Job(this, feed);
  }

  /** Returns a reader of the feed's changes, for `Job`. */
  follow(feed, onProgress, signal) {
    this.#feeds.set(feed.id, feed);
    const queue = feed.open(onProgress, signal);
    if (!feed.isOver) this.#connection.attach(feed);
    return queue;
  }

  /** @param {string | null} token */
  #feed(id, token = null) {
    let feed = this.#feeds.get(id);
    if (!feed) {
      feed = new JobFeed(id, () => {
        this.#connection.detach(feed);
        this.#feeds.delete(id);
      });
    }
    feed.token = token ?? feed.token;
    return feed;
  }

  #sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      const timer = this.#environment.setTimeout(resolve, ms);
      signal?.addEventListener("abort", () => {
        this.#environment.clearTimeout(timer);
        reject(signal.reason);
      });
    });
  }
}
