import { badge, byId, h, showToast, whileBusy } from "./dom.js";
import { clockTime, dateTime, title } from "./format.js";

const PAGE = 50;
const MAX_SHOWN = 500;

/** The view of the event log, newest first. New events appear on top. */
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
    model.addEventListener("listed", () => this.#isOpen && this.#load()); // the view may open before the channel does
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
    await this.#loadOlder().catch(showToast);
  }

  #arrived(event) {
    this.#list.prepend(item(event));
    while (this.#list.children.length > MAX_SHOWN) this.#list.lastElementChild.remove();
    byId("events-empty").hidden = true;
  }

  /**
   * Shows the events before the oldest one that is shown. The API reads forwards from a cursor only,
   * so this makes one: `epoch.sequence`. It may do so because the page ships with the server.
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
