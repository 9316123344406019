import { Backoff } from "./backoff.js";
import { ApiError, ConnectionRefused, SubscriptionError, TokenExpired } from "./errors.js";
import { Timers } from "./timers.js";

/** @import * as Types from "./pressrun.js" */

const PROTOCOL = "pressrun.v1";
const PING_INTERVAL_MS = 25_000; // until the server says otherwise
const SILENCE_MARGIN_MS = 10_000;
const OPEN_TIMEOUT_MS = 10_000;
const PROBE_TIMEOUT_MS = 5_000;
const STABLE_MS = 5_000; // after a connection of this length, waits begin again with the shortest
const LINGER_MS = 1_000; // between one subscription and the next
const REFRESH_EARLY_MS = 60_000;
const MIN_REFRESH_MS = 30_000; // if the clocks of client and server disagree
const MAX_TIMER_MS = 2 ** 31 - 1;
const OPENS_BEFORE_FALLBACK = 2; // for each address

const FORBIDDEN = 4403;
const RESTART_WITH_FRESH_TOKEN = 4501;
const TENANT_IS_FULL = "too_many_tenant_subscriptions";
const isFinal = (code) => code === 1009 || (code >= 4400 && code <= 4499);

/**
 * One WebSocket for all subscriptions of a client. It opens with the first and closes after the last.
 *
 * A subscription has `request` (members of its subscribe frame), `token` (its own, or null), `receive(frame)` and
 * `fail(error)`. It stays attached over any number of sockets; each new socket subscribes it again, from where it was.
 */
export class Connection {
  #environment;
  #credentials;
  #fallback;
  #onState;
  #addresses;
  #known;
  #takesHints;
  #backoff;
  #fullBackoff;
  #postponed = new Set(); // subscriptions that the tenant has no room for now
  /** @type {{ code: number, reason: string } | null} */
  #lastClose = null;
  /** @type {Types.ConnectionState} */
  #state = "idle";

  #subscriptions = new Set();
  /** @type {WebSocket | null} */
  #socket = null;
  #isOpen = false;
  #openedAt = 0;
  #isPreparing = false;
  #tried = 0;
  #isWelcome = false;
  #failedOpens = 0;
  /** @type {number | null} */
  #pauseMs = null;
  #pingIntervalMs = PING_INTERVAL_MS;
  #timers;
  #lastId = 0;
  #asked = new Map();
  #established = new Map();
  #shown = new Set();
  #leastLeftMs = Infinity;
  /** @type {(() => void) | null} */
  #unlisten = null;

  /** `address` is the WebSocket's URL, or a guess if `takesHints`; `fallback` takes over if no socket can be opened. */
  constructor({ address, takesHints, credentials, fallback, environment, onState }) {
    this.#addresses = [address];
    this.#known = new Set([address]);
    this.#takesHints = takesHints;
    this.#credentials = credentials;
    this.#fallback = fallback;
    this.#environment = environment;
    this.#onState = onState;
    this.#timers = new Timers(environment);
    this.#backoff = new Backoff({ random: environment.random });
    this.#fullBackoff = new Backoff({ random: environment.random });
    fallback.onState = (isLive) => {
      if (!this.#isOpen) this.#setState(isLive ? "fallback" : "waiting");
    };
  }

  /** `idle`, `connecting`, `live`, `waiting` (to try again) or `fallback` (server-sent events). */
  get state() {
    return this.#state;
  }

  /** How the last socket was closed; null once a new one has begun to work. */
  get lastClose() {
    return this.#lastClose;
  }

  /** Adds an address that the server has named. It is tried before the guessed one. */
  hint(url) {
    if (!url || !this.#takesHints || this.#known.has(url)) return;
    this.#known.add(url);
    this.#addresses.unshift(url);
  }

  attach(subscription) {
    this.#subscriptions.add(subscription);
    this.#timers.stop("linger");
    this.#unlisten ??= this.#environment.onWake(() => this.#wake());
    if (this.#fallback.isRunning) this.#fallback.start(subscription);
    if (this.#isOpen) this.#introduce(this.#socket, [subscription]);
    else if (!this.#socket && !this.#isPreparing && !this.#timers.has("retry")) this.#open();
  }

  detach(subscription) {
    if (!this.#subscriptions.delete(subscription)) return;
    this.#postponed.delete(subscription);
    this.#fallback.stop(subscription);
    for (const [id, each] of this.#asked) if (each === subscription) this.#asked.set(id, null);
    for (const [id, each] of this.#established) {
      if (each !== subscription) continue;
      this.#established.delete(id);
      this.#send({ type: "unsubscribe", subscription: id });
    }
    if (this.#subscriptions.size === 0) this.#timers.start("linger", LINGER_MS, () => this.close());
  }

  /**
   * Ends the connection. Subscriptions that are left fail with `error`, if there is one.
   * @param {Error | null} error
   */
  close(error = null) {
    const socket = this.#socket;
    this.#drop();
    this.#timers.stop("retry");
    this.#unlisten?.();
    this.#unlisten = null;
    this.#fallback.stopAll();
    this.#failedOpens = 0;
    this.#setState("idle");
    socket?.close(1000);
    const left = [...this.#subscriptions];
    this.#subscriptions.clear();
    if (error) for (const subscription of left) subscription.fail(error);
  }

  // --- opening --------------------------------------------------------------------------------------------------

  async #open() {
    this.#timers.stop("retry");
    this.#setState(this.#fallback.isLive ? "fallback" : "connecting");
    this.#isPreparing = true;
    try {
      await this.#tokensFor(this.#subscriptions); // before the socket: the answer may have its address
    } catch (error) {
      this.#isPreparing = false;
      return this.#cannotAuthenticate(error);
    }
    this.#isPreparing = false;
    if (this.#subscriptions.size === 0 || this.#socket) return;
    this.#dial();
  }

  #dial() {
    const address = this.#addresses[this.#tried % this.#addresses.length];
    let socket;
    try {
      socket = new this.#environment.WebSocket(address, [PROTOCOL]);
    } catch {
      return this.#cannotOpen(); // the platform has no WebSocket, or the page's security policy forbids this address
    }
    this.#socket = socket;
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (message) => socket === this.#socket && this.#received(message.data);
    socket.onclose = ({ code, reason }) => this.#closed(socket, code, reason);
    socket.onerror = () => {}; // a close event follows, with a code
    this.#timers.start("watch", OPEN_TIMEOUT_MS, () => this.#abandon(socket));
  }

  #opened(socket) {
    if (socket !== this.#socket) return;
    this.#isOpen = true;
    this.#openedAt = this.#environment.now();
    this.#watch();
    this.#introduce(socket, [...this.#subscriptions]);
  }

  /** Sends the tokens that the subscriptions need, then the subscribe frames. */
  async #introduce(socket, subscriptions) {
    let tokens;
    try {
      tokens = await this.#tokensFor(subscriptions);
    } catch (error) {
      return socket === this.#socket && this.#cannotAuthenticate(error);
    }
    if (socket !== this.#socket) return;
    for (const token of tokens) this.#show(token);
    for (const subscription of subscriptions) {
      if (!this.#subscriptions.has(subscription)) continue;
      const id = this.#send({ type: "subscribe", ...subscription.request });
      this.#asked.set(id, subscription);
    }
  }

  async #tokensFor(subscriptions) {
    const tokens = new Set();
    for (const subscription of subscriptions) {
      if (subscription.token) {
        tokens.add(subscription.token);
        continue;
      }
      const common = await this.#credentials.token();
      if (common) tokens.add(common.token);
      this.hint(common?.url);
    }
    return tokens;
  }

  #show(token) {
    if (this.#shown.has(token)) return;
    this.#shown.add(token);
    this.#send({ type: "auth", token });
  }

  #cannotAuthenticate(error) {
    const isHopeless =
      error instanceof TokenExpired ||
      (error instanceof ApiError && error.status < 500 && ![408, 425, 429].includes(error.status));
    if (isHopeless) return this.close(error);
    const socket = this.#socket;
    this.#drop();
    socket?.close(1000);
    return this.#retryLater();
  }

  // --- frames ---------------------------------------------------------------------------------------------------

  #send(frame) {
    if (!this.#isOpen) return null;
    this.#lastId += 1;
    this.#socket?.send(JSON.stringify({ ...frame, id: this.#lastId }));
    return this.#lastId;
  }

  #received(data) {
    this.#watch();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // not a frame of this protocol
    }
    switch (frame.type) {
      case "welcome":
        return this.#welcomed(frame);
      case "subscribed":
        return this.#subscribed(frame);
      case "event":
      case "progress":
      case "reset":
        return this.#established.get(frame.subscription)?.receive(frame);
      case "ping":
        return this.#pinged(frame);
      case "goaway":
        this.#pauseMs = frame.reconnect_in_ms;
        return undefined;
      case "error":
        return this.#refused(frame);
      default:
        return undefined; // from a newer server
    }
  }

  #welcomed(frame) {
    if (frame.ping_interval > 0) this.#pingIntervalMs = frame.ping_interval * 1000;
    this.#watch();
    this.#live();
    if (!this.#credentials.canRefresh || !frame.expires_at) return;
    const leftMs = Date.parse(frame.expires_at) - this.#environment.now();
    if (leftMs >= this.#leastLeftMs) return; // another token expires first
    this.#leastLeftMs = leftMs;
    const inMs = Math.max(MIN_REFRESH_MS, leftMs - Math.max(REFRESH_EARLY_MS, leftMs / 10));
    this.#timers.start("refresh", Math.min(inMs, MAX_TIMER_MS), () => this.#refresh());
  }

  /** Gets one fresh token for all subscriptions before those in use expire, and sends it on the open connection. */
  async #refresh() {
    const socket = this.#socket;
    this.#leastLeftMs = Infinity;
    this.#forgetTokens();
    try {
      const fresh = await this.#credentials.token();
      if (socket === this.#socket && fresh) this.#show(fresh.token);
    } catch {
      // The old token is still valid. When it has expired, the server closes with 4501, and the reconnect asks again.
    }
  }

  #forgetTokens() {
    this.#credentials.expire();
    for (const subscription of this.#subscriptions) subscription.token = null;
  }

  #subscribed(frame) {
    const subscription = this.#asked.get(frame.reply_to);
    this.#asked.delete(frame.reply_to);
    if (!subscription) {
      this.#send({ type: "unsubscribe", subscription: frame.subscription }); // detached in the meantime
      return;
    }
    this.#live();
    this.#fullBackoff.reset();
    this.#established.set(frame.subscription, subscription);
    subscription.receive(frame);
  }

  #pinged(frame) {
    this.#send({ type: "pong" });
    for (const [id, cursor] of Object.entries(frame.cursors ?? {})) this.#established.get(id)?.advance?.(cursor);
  }

  #refused(frame) {
    const subscription = this.#asked.get(frame.reply_to) ?? this.#established.get(frame.subscription);
    this.#asked.delete(frame.reply_to);
    this.#established.delete(frame.subscription);
    if (!subscription) return;
    if (frame.code === TENANT_IS_FULL) return this.#postpone(subscription);
    this.detach(subscription);
    subscription.fail(new SubscriptionError(frame.code, frame.message));
  }

  /** Asks again later: the tenant has too many subscriptions, and others may end. */
  #postpone(subscription) {
    this.#postponed.add(subscription);
    if (this.#timers.has("postponed")) return;
    this.#timers.start("postponed", this.#fullBackoff.next(), () => {
      const again = [...this.#postponed];
      this.#postponed.clear();
      this.#introduce(this.#socket, again);
    });
  }

  #live() {
    this.#isWelcome = true;
    this.#lastClose = null;
    this.#failedOpens = 0;
    this.#fallback.stopAll();
    this.#setState("live");
  }

  // --- staying alive --------------------------------------------------------------------------------------------

  /** Restarts the timer that abandons a silent socket. The server pings, so a silent one is dead. */
  #watch() {
    const socket = this.#socket;
    this.#timers.start("watch", this.#pingIntervalMs + SILENCE_MARGIN_MS, () => this.#abandon(socket));
  }

  /** Handles the return of the network or the page: reconnects at once, or probes the socket, which may be dead. */
  #wake() {
    if (this.#timers.has("retry")) {
      this.#open();
    } else if (this.#isOpen) {
      const socket = this.#socket;
      this.#send({ type: "ping" });
      this.#timers.start("watch", PROBE_TIMEOUT_MS, () => this.#abandon(socket));
    }
  }

  #abandon(socket) {
    this.#closed(socket, 1006, "");
    socket.close();
  }

  #closed(socket, code, reason) {
    if (socket !== this.#socket) return;
    const wasOpen = this.#isOpen;
    if (wasOpen && this.#environment.now() - this.#openedAt >= STABLE_MS) this.#backoff.reset();
    const isWelcome = this.#isWelcome;
    this.#drop();
    this.#lastClose = { code, reason };
    if (code === FORBIDDEN && !isWelcome && this.#addresses.length > 1) {
      // Another process may allow this page's origin, such as the one that served it.
      this.#addresses.splice(this.#tried % this.#addresses.length, 1);
      return this.#retryLater();
    }
    if (isFinal(code)) return this.close(new ConnectionRefused(code, reason));
    if (code === RESTART_WITH_FRESH_TOKEN) {
      try {
        this.#forgetTokens();
      } catch (error) {
        return this.close(error);
      }
    }
    if (this.#subscriptions.size === 0) return this.close();
    return wasOpen ? this.#retryLater() : this.#cannotOpen();
  }

  #cannotOpen() {
    this.#failedOpens += 1;
    this.#tried += 1;
    if (this.#failedOpens >= OPENS_BEFORE_FALLBACK * this.#addresses.length) {
      for (const subscription of this.#subscriptions) this.#fallback.start(subscription);
    }
    this.#retryLater();
  }

  #retryLater() {
    this.#setState(this.#fallback.isLive ? "fallback" : "waiting");
    const waitMs = this.#pauseMs ?? this.#backoff.next();
    this.#pauseMs = null;
    this.#timers.start("retry", waitMs, () => this.#open());
  }

  /** Forgets the socket and its state. */
  #drop() {
    this.#socket = null;
    this.#isOpen = false;
    this.#openedAt = 0;
    this.#isWelcome = false;
    this.#asked.clear();
    this.#established.clear();
    this.#shown.clear();
    this.#postponed.clear();
    this.#leastLeftMs = Infinity;
    this.#timers.stop("watch", "refresh", "linger", "postponed");
  }

  #setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#onState(state);
  }
}
