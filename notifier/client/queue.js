/** A queue with one reader: `for await` yields the items in order, until the queue ends or fails. */
export class Queue {
  /** @type {any[]} */
  #items = [];
  /** @type {{ resolve: (result: IteratorResult<any>) => void, reject: (error: any) => void } | null} */
  #waiting = null;
  /** @type {{ error?: any } | null} */
  #over = null;
  #onStop;

  /** `onStop` is called once, when the reader stops or the queue ends. */
  constructor(onStop = () => {}) {
    this.#onStop = onStop;
  }

  get isEmpty() {
    return this.#items.length === 0;
  }

  push(item) {
    if (this.#over) return;
    if (this.#waiting) {
      const { resolve } = this.#waiting;
      this.#waiting = null;
      resolve({ value: item, done: false });
    } else {
      this.#items.push(item);
    }
  }

  /** No more items; the reader still gets what is there. */
  end() {
    this.#finish({});
  }

  /** Like `end`, and then throws at the reader. */
  fail(error) {
    this.#finish({ error });
  }

  /** @returns {Promise<IteratorResult<any>>} */
  next() {
    if (this.#items.length > 0) return Promise.resolve({ value: this.#items.shift(), done: false });
    if (this.#over) {
      const { error } = this.#over;
      this.#over = {};
      return error ? Promise.reject(error) : Promise.resolve({ value: undefined, done: true });
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** The reader has left its loop. */
  return() {
    this.#items.length = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #finish(over) {
    if (this.#over) return;
    this.#over = over;
    if (this.#waiting) {
      const { resolve, reject } = this.#waiting;
      this.#waiting = null;
      this.#over = {};
      if (over.error) reject(over.error);
      else resolve({ value: undefined, done: true });
    }
    this.#onStop();
  }
}
