import { badge, byId, complain, h, whileBusy } from "./dom.js";
import { clockTime, dateTime, title } from "./format.js";

const PAGE = 50;
const MOST = 500;

/** The event log, newest first; new events come in on top while it is open. */
export class EventLog {
  #client;
  #model;
  #list = byId("event-list");
  #older = byId("events-older");
  #oldest = null;
  #isOpen = false;
  #isLoaded = false;

  constructor(client, model) {
    this.#client = client;
    this.#model = model;
    model.addEventListener("event", ({ detail }) => this.#isLoaded && this.#arrived(detail));
    model.addEventListener("listed", () => this.#isOpen && this.#load()); // the page may open before it is live
    this.#older.addEventListener("click", () => whileBusy(this.#older, () => this.#loadOlder()));
  }

  open() {
    byId("events-title").focus({ preventScroll: true });
    this.#isOpen = true;
    this.#load();
  }

  async #load() {
    if (this.#isLoaded || !this.#model.cursor) return;
    this.#isLoaded = true;
    await this.#loadOlder().catch(complain);
  }

  #arrived(event) {
    this.#list.prepend(item(event));
    while (this.#list.children.length > MOST) this.#list.lastElementChild.remove();
    byId("events-empty").hidden = true;
  }

  /**
   * The page before the oldest event that is shown. The API reads forwards from a cursor; this page ships with the
   * server and may know how one is made: the log's epoch, a point, and the sequence number of an event.
   */
  async #loadOlder() {
    const [epoch, head] = this.#model.cursor.split(".");
    const before = this.#oldest ?? Number(head) + 1;
    const after = Math.max(0, before - PAGE - 1);
    const { items } = await this.#page(`${epoch}.${after}`);
    const events = items.filter(({ sequence }) => sequence < before).reverse();
    this.#list.append(...events.map(item));
    this.#oldest = after + 1;
    this.#older.hidden = after === 0 || events.length === 0;
    byId("events-empty").hidden = this.#list.children.length > 0;
  }

  async #page(after) {
    try {
      return await this.#client.request("/v1/events", { query: { after, limit: PAGE } });
    } catch (error) {
      if (error.code !== "cursor_expired") throw error;
      return this.#client.request("/v1/events", { query: { after: error.problem.cursor, limit: PAGE } });
    }
  }
}

function item(event) {
  const { job } = event.data;
  const status = event.type.split(".").at(-1);
  const json = h("pre", { tabindex: "0" });
  const details = h(
    "details",
    {
      ontoggle: () => {
        if (details.open) json.textContent = JSON.stringify(event, null, 2);
      },
    },
    h(
      "summary",
      {},
      h("span", { class: "sequence" }, String(event.sequence)),
      badge(status, event.type),
      h("span", { class: "name" }, job ? title(job) : ""),
      h("time", { datetime: event.timestamp, title: dateTime(event.timestamp) }, clockTime(event.timestamp)),
    ),
    job && h("p", {}, h("a", { href: `#/jobs/${job.id}` }, "Open the job")),
    json,
  );
  return h("li", {}, details);
}
