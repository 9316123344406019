import { Backoff } from "./backoff.js";
import { ApiError } from "./errors.js";
import { EventStreamParser } from "./event_stream.js";
import { JobFeed } from "./job_feed.js";

const SILENCE_MS = 60_000; // the server sends something more often than that
const LONG_POLL_S = 25;

/**
 * News without WebSockets, for networks that do not let them through: channels by server-sent events, read with
 * `fetch` because `EventSource` cannot show a token; single jobs by long polls, which a job's own token may make.
 */
export class Fallback {
  /** Hears whether news arrive this way. */
  onState = () => {};
  isLive = false;
  #http;
  #credentials;
  #environment;
  #onRefused;
  #running = new Map();

  /** `onRefused(subscription, error)` hears of those that the server does not serve. */
  constructor({ http, credentials, environment, onRefused }) {
    this.#http = http;
    this.#credentials = credentials;
    this.#environment = environment;
    this.#onRefused = onRefused;
  }

  get isRunning() {
    return this.#running.size > 0;
  }

  start(subscription) {
    if (this.#running.has(subscription)) return;
    const stopping = new AbortController();
    this.#running.set(subscription, stopping);
    this.#follow(subscription, stopping.signal);
  }

  stop(subscription) {
    this.#running.get(subscription)?.abort();
    this.#running.delete(subscription);
    if (!this.isRunning) this.isLive = false;
  }

  stopAll() {
    for (const subscription of [...this.#running.keys()]) this.stop(subscription);
  }

  async #follow(subscription, signal) {
    const backoff = new Backoff({ random: this.#environment.random });
    while (!signal.aborted) {
      try {
        if (subscription instanceof JobFeed) await this.#poll(subscription, signal);
        else await this.#stream(subscription, signal, backoff);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        if (!this.#isWorthRetrying(error)) {
          this.stop(subscription);
          this.#onRefused(subscription, error);
          return;
        }
        this.#setLive(false);
        await this.#sleep(error.retryAfterMs ?? backoff.next(), signal);
      }
    }
  }

  #isWorthRetrying(error) {
    if (!(error instanceof ApiError) || error.status >= 500 || [408, 425, 429].includes(error.status)) return true;
    if (error.code !== "token_expired" || !this.#credentials.canRefresh) return false;
    this.#credentials.expire();
    return true;
  }

  async #poll(feed, signal) {
    const known = feed.job?.version;
    const bearer = await this.#credentials.bearer(feed.token);
    const path = `/v1/jobs/${encodeURIComponent(feed.id)}`;
    const response = await this.#http.send(path, {
      query: { wait: known ? LONG_POLL_S : 0 },
      headers: known ? { "If-None-Match": `W/"${known}"` } : {},
      bearer,
      signal,
    });
    this.#setLive(true);
    if (response.status === 304) return;
    const job = await response.json();
    if (known && job.version > known + 1) {
      const { items } = await this.#http.json(`${path}/events`, { bearer, signal });
      for (const event of items) feed.receive({ type: "event", event });
    }
    feed.receive({ type: "subscribed", snapshot: job });
  }

  async #stream(channel, signal, backoff) {
    const silence = new AbortController();
    let timer;
    const heard = () => {
      this.#environment.clearTimeout(timer);
      timer = this.#environment.setTimeout(() => silence.abort(), SILENCE_MS);
    };
    try {
      heard();
      const headers = { Accept: "text/event-stream" };
      if (channel.request.after) headers["Last-Event-ID"] = channel.request.after;
      const response = await this.#http.send("/v1/events", {
        headers,
        query: channel.filter,
        bearer: await this.#credentials.bearer(),
        signal: AbortSignal.any([signal, silence.signal]),
      });
      channel.receive({ type: "subscribed" });
      this.#setLive(true);
      const parser = new EventStreamParser();
      const decoder = new TextDecoder();
      for await (const bytes of pieces(response.body)) {
        heard();
        for (const message of parser.feed(decoder.decode(bytes, { stream: true }))) deliver(channel, message);
        backoff.reset();
      }
      await this.#sleep(parser.retryMs ?? backoff.next(), signal);
    } finally {
      this.#environment.clearTimeout(timer);
    }
  }

  #setLive(isLive) {
    this.isLive = isLive && this.isRunning;
    this.onState(this.isLive);
  }

  #sleep(ms, signal) {
    return new Promise((resolve) => {
      const timer = this.#environment.setTimeout(resolve, ms);
      signal.addEventListener("abort", () => {
        this.#environment.clearTimeout(timer);
        resolve();
      });
    });
  }
}

function deliver(channel, { id, type, data }) {
  const content = JSON.parse(data);
  if (type === "progress") channel.receive({ type, job_id: content.job_id, progress: content.progress });
  else if (type === "reset") channel.receive({ type, ...content });
  else channel.receive({ type: "event", cursor: id, event: content });
}

/** Not every browser's streams are async iterable yet. */
async function* pieces(body) {
  const reader = body.getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}
