/** Timers by name: starting one again replaces it. */
export class Timers {
  #environment;
  #running = new Map();

  constructor(environment) {
    this.#environment = environment;
  }

  has(name) {
    return this.#running.has(name);
  }

  start(name, ms, callback) {
    this.stop(name);
    const timer = this.#environment.setTimeout(() => {
      this.#running.delete(name);
      callback();
    }, ms);
    this.#running.set(name, timer);
  }

  stop(...names) {
    for (const name of names) {
      this.#environment.clearTimeout(this.#running.get(name));
      this.#running.delete(name);
    }
  }
}
