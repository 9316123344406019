const RELIST_MS = 5_000;
const PAGE = 50;

/**
 * Keeps the tenant's jobs that this page knows, and updates them from the channel of all jobs.
 *
 * Dispatches `job` (detail: a new or changed job), `gone` (detail: the id of a deleted job),
 * `event` (detail: the published event) and `listed` (a page of the list was read).
 */
export class JobsModel extends EventTarget {
  jobs = new Map();
  /** The cursor of the channel in the event log; null while the channel is not open. */
  cursor = null;
  #client;
  #deleted = new Set();
  #status = "";
  #next = null;

  constructor(client) {
    super();
    this.#client = client;
  }

  get hasOlder() {
    return this.#next !== null;
  }

  get status() {
    return this.#status;
  }

  /** The jobs that pass the filter, newest first. */
  get shown() {
    return [...this.jobs.values()]
      .filter((job) => !this.#status || job.status === this.#status)
      .sort((a, b) => (a.created_at < b.created_at || (a.created_at === b.created_at && a.id < b.id) ? 1 : -1));
  }

  /** Follows the jobs without end. While the channel fails, it reads the list every five seconds. */
  async run() {
    for (;;) {
      try {
        await this.#follow();
      } catch {
        this.cursor = null;
        await this.list().catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, RELIST_MS));
      }
    }
  }

  /** Reads the newest jobs with this status. */
  async list(status = this.#status) {
    this.#status = status;
    const page = await this.#client.list({ limit: PAGE, status });
    if (status === this.#status) this.#listed(page);
  }

  async listOlder() {
    if (this.#next) this.#listed(await this.#client.list({ limit: PAGE, status: this.#status, cursor: this.#next }));
  }

  /** Stores a job, unless a newer version of it is known. */
  put(job) {
    const known = this.jobs.get(job.id);
    if (this.#deleted.has(job.id) || (known && known.version > job.version)) return;
    this.jobs.set(job.id, job);
    this.#dispatch("job", job);
  }

  /** Forgets a deleted job for good: its last event may come after the answer to the deletion. */
  remove(id) {
    this.#deleted.add(id);
    if (this.jobs.delete(id)) this.#dispatch("gone", id);
  }

  async #follow() {
    const stream = this.#client.jobs();
    stream.onprogress = (id, progress) => {
      const job = this.jobs.get(id);
      if (job) this.put({ ...job, progress });
    };
    // Once the channel is ready, no event is missed; the list brings what was before. A job that
    // comes both ways is sorted out by its version.
    stream.ready
      .then(() => {
        this.cursor = stream.cursor;
        return this.list();
      })
      .catch(() => {});
    for await (const event of stream) {
      this.cursor = stream.cursor;
      if (event.type === "reset") {
        await this.list();
        continue;
      }
      if (event.data.job) this.put(event.data.job);
      this.#dispatch("event", event);
    }
  }

  #listed({ items, next_cursor: next }) {
    this.#next = next;
    for (const job of items) this.put(job);
    this.#dispatch("listed");
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
