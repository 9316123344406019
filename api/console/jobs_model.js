const RELIST_MS = 5_000;
const PAGE = 50;

/**
 * The tenant's jobs as this page knows them, kept current by the channel of all jobs.
 *
 * Dispatches `job` (detail: the job, new or changed), `gone` (its id), `event` (as published) and `listed`.
 */
export class JobsModel extends EventTarget {
  jobs = new Map();
  /** Where the channel is in the log; null while there is none. */
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

  /** Newest first, as far as they pass the filter. */
  get shown() {
    return [...this.jobs.values()]
      .filter((job) => !this.#status || job.status === this.#status)
      .sort((a, b) => (a.created_at < b.created_at || (a.created_at === b.created_at && a.id < b.id) ? 1 : -1));
  }

  /** Follows the jobs for ever. Where the channel cannot be had, the list is read again every few seconds. */
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

  /** Reads the newest jobs. */
  async list(status = this.#status) {
    this.#status = status;
    const page = await this.#client.list({ limit: PAGE, status });
    if (status === this.#status) this.#listed(page);
  }

  async listOlder() {
    if (this.#next) this.#listed(await this.#client.list({ limit: PAGE, status: this.#status, cursor: this.#next }));
  }

  /** A job as somebody has just seen it. Older versions than the one known are ignored. */
  put(job) {
    const known = this.jobs.get(job.id);
    if (this.#deleted.has(job.id) || (known && known.version > job.version)) return;
    this.jobs.set(job.id, job);
    this.#tell("job", job);
  }

  /** Forgets a job that was deleted, for good: its last event may come after the answer that says so. */
  remove(id) {
    this.#deleted.add(id);
    if (this.jobs.delete(id)) this.#tell("gone", id);
  }

  async #follow() {
    const stream = this.#client.jobs();
    stream.onprogress = (id, progress) => {
      const job = this.jobs.get(id);
      if (job) this.put({ ...job, progress });
    };
    // From now on nothing is missed; what was before is listed. Versions sort out what comes both ways.
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
      this.#tell("event", event);
    }
  }

  #listed({ items, next_cursor: next }) {
    this.#next = next;
    for (const job of items) this.put(job);
    this.#tell("listed");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
