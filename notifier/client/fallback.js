import { Backoff } from "./backoff.js";
import { ApiError } from "./errors.js";
import { EventStreamParser } from "./event_stream.js";
import { JobFeed } from "./job_feed.js";

const SILENCE_MS = 60_000; // the server sends something every 15 s

/**
 * Events without WebSockets, for networks that block them: server-sent events, one stream per subscription. They are
 * read with `fetch`, because `EventSource` cannot send a token.
 */
export class Fallback {
  /**
   * Called with whether events arrive this way.
   * @type {(isLive: boolean) => void}
   */
  onState = () => {};
  isLive = false;
  #http;
  #credentials;
  #environment;
  #onRefused;
  #running = new Map();

  /** `onRefused(subscription, error)` is called for subscriptions that the server refuses. */
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
        await this.#stream(subscription, signal, backoff);
      } catch (error) {
        if (signal.aborted) return;
        if (!this.#isWorthRetrying(error)) {
          this.stop(subscription);
          this.#onRefused(subscription, error);
          return;
        }
        this.#setLive(false);
        await this.#sleep((error.retryAfterMs ?? 0) + backoff.next(), signal);
      }
    }
  }

  #isWorthRetrying(error) {
    if (!(error instanceof ApiError) || error.status >= 500 || [408, 425, 429].includes(error.status)) return true;
    if (error.code !== "token_expired" || !this.#credentials.canRefresh) return false;
    this.#credentials.expire();
    return true;
  }

  async #stream(subscription, signal, backoff) {
    const silence = new AbortController();
    let timer;
    const restartTimer = () => {
      this.#environment.clearTimeout(timer);
      timer = this.#environment.setTimeout(() => silence.abort(), SILENCE_MS);
    };
    try {
      restartTimer();
      /** @type {Record<string, string>} */
      const headers = { Accept: "text/event-stream" };
      if (subscription.request.after) headers["Last-Event-ID"] = subscription.request.after;
      const response = await this.#http.send("/v1/events", {
        headers,
        query: subscription instanceof JobFeed ? subscription.request : subscription.filter,
        bearer: await this.#credentials.bearer(subscription.token),
        signal: AbortSignal.any([signal, silence.signal]),
      });
      await this.#begin(subscription, signal);
      backoff.reset();
      const parser = new EventStreamParser();
      const decoder = new TextDecoder();
      for await (const bytes of pieces(response.body)) {
        restartTimer();
        for (const message of parser.feed(decoder.decode(bytes, { stream: true }))) deliver(subscription, message);
        if (parser.lastId) subscription.advance?.(parser.lastId);
      }
      await this.#sleep(parser.retryMs ?? backoff.next(), signal);
    } finally {
      this.#environment.clearTimeout(timer);
    }
  }

  /** Handles the start of the stream. A job is read only now, so that no event is missed. */
  async #begin(subscription, signal) {
    if (!(subscription instanceof JobFeed)) {
      subscription.receive({ type: "subscribed" });
      return this.#setLive(true);
    }
    const path = `/v1/jobs/${encodeURIComponent(subscription.id)}`;
    const request = { bearer: await this.#credentials.bearer(subscription.token), signal };
    const known = subscription.job?.version;
    const snapshot = await this.#http.json(path, request);
    if (known && snapshot.version > known) {
      const { items } = await this.#http.json(`${path}/events`, request);
      for (const event of items) subscription.receive({ type: "event", event });
    }
    subscription.receive({ type: "subscribed", snapshot });
    return this.#setLive(true);
  }

  #setLive(isLive) {
    this.isLive = isLive && this.isRunning;
    this.onState(this.isLive);
  }

  #sleep(ms, signal) {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const timer = this.#environment.setTimeout(resolve, ms);
        signal.addEventListener("abort", () => {
          this.#environment.clearTimeout(timer);
          resolve();
        });
      })
    );
  }
}

function deliver(subscription, { id, type, data }) {
  const content = JSON.parse(data);
  if (type === "progress" || type === "reset") subscription.receive({ type, ...content });
  else subscription.receive({ type: "event", cursor: id, event: content });
}

/** Reads a stream piece by piece: not every browser's streams are async iterable. */
async function* pieces(body) {
  const reader = body.getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}
