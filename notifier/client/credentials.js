import { TokenExpired } from "./errors.js";

const ABOUT_TO_EXPIRE_MS = 30_000;

/**
 * The client's credentials: an API key, one token, or tokens from a provider that can be asked again.
 *
 * A token from the provider is kept until it is about to expire or the server says that it has.
 */
export class Credentials {
  #token;
  #provider;
  #now;
  /** @type {{ token: string, url: string | null, expiresAtMs: number } | null} */
  #current = null;
  /** @type {Promise<{ token: string, url: string | null, expiresAtMs: number }> | null} */
  #asking = null;

  /** `mint` makes a token for the channel of all jobs with the API key. */
  constructor({ apiKey, token, tokenProvider, mint, now }) {
    this.apiKey = apiKey ?? null;
    this.#token = token ?? null;
    this.#provider = tokenProvider ?? (apiKey ? mint : null);
    this.#now = now;
  }

  /** Whether the client can get a fresh token when one has expired. */
  get canRefresh() {
    return this.#provider !== null;
  }

  /** `{token, url, expiresAtMs}`, or null if the server needs none. `url` is the WebSocket's, if known. */
  async token() {
    if (!this.#provider) return this.#token && { token: this.#token, url: null, expiresAtMs: Infinity };
    if (this.#current && this.#current.expiresAtMs - this.#now() > ABOUT_TO_EXPIRE_MS) return this.#current;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** For the `Authorization` header; null if the server needs none. */
  async bearer(own = null) {
    return this.apiKey ?? own ?? (await this.token())?.token ?? null;
  }

  /** The server says that the token has expired. Throws `TokenExpired` if there is no way to get another. */
  expire() {
    this.#current = null;
    if (!this.canRefresh) throw new TokenExpired();
  }

  async #ask() {
    const answer = await this.#provider();
    const { token, url, expires_at: expiresAt } = typeof answer === "string" ? { token: answer } : answer;
    const current = { token, url: url ?? null, expiresAtMs: expiresAt ? Date.parse(expiresAt) : Infinity };
    this.#current = current;
    return current;
  }
}
