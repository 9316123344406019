/** Waits between attempts: exponential with full jitter, so that clients do not all come back at once. */
export class Backoff {
  #attempts = 0;

  constructor({ baseMs = 500, capMs = 30_000, random = Math.random } = {}) {
    this.baseMs = baseMs;
    this.capMs = capMs;
    this.random = random;
  }

  /** The next waiting time, in milliseconds. */
  next() {
    const ceiling = Math.min(this.capMs, this.baseMs * 2 ** this.#attempts);
    this.#attempts += 1;
    return this.random() * ceiling;
  }

  /** Begins again with the shortest wait, after a success. */
  reset() {
    this.#attempts = 0;
  }
}
