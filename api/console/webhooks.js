import { badge, byId, confirmed, h, setText, showToast, whileBusy } from "./dom.js";
import { clearErrors, showErrors } from "./form_errors.js";
import { ago, dateTime, duration } from "./format.js";

const PATH = "/v1/webhook-endpoints";

/** The view of webhook endpoints and their deliveries. */
export class Webhooks {
  #client;
  #list = byId("endpoint-list");

  constructor(client) {
    this.#client = client;
    const form = byId("endpoint-form");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      clearErrors(form);
      try {
        await this.#add(form);
      } catch (error) {
        showErrors(form, error);
      }
    });
  }

  /** Returns whether this server has webhooks: its OpenAPI document lists them then. */
  async isAvailable() {
    const { paths } = await this.#client.request("/openapi.json");
    return PATH in paths;
  }

  async open() {
    byId("webhooks-title").focus({ preventScroll: true });
    await this.#load().catch(showToast);
  }

  async #load() {
    const { items } = await this.#client.request(PATH);
    this.#list.replaceChildren(...items.map((endpoint) => this.#card(endpoint)));
    byId("endpoints-empty").hidden = items.length > 0;
  }

  async #add(form) {
    const { url, description } = form.elements;
    const body = { url: url.value.trim(), ...(description.value.trim() && { description: description.value.trim() }) };
    const { secret } = await this.#client.request(PATH, { method: "POST", body });
    form.reset();
    const notice = byId("endpoint-secret");
    notice.hidden = false;
    notice.replaceChildren("Added. Its requests are signed with this secret: ", h("code", {}, secret));
    await this.#load();
  }

  #card(endpoint) {
    const path = `${PATH}/${endpoint.id}`;
    const verdict = h("div", { role: "status" });
    const deliveries = h("ul", { class: "deliveries" });
    const button = (label, action) =>
      h("button", { type: "button", onclick: ({ currentTarget }) => whileBusy(currentTarget, action) }, label);
    const set = (status) => async () => {
      await this.#client.request(path, { method: "PATCH", body: { status } });
      await this.#load();
    };
    const test = async () => {
      verdict.replaceChildren(h("p", { class: "soft" }, "Sending…"));
      const report = await this.#client.request(`${path}/test`, { method: "POST" });
      verdict.replaceChildren(...testReport(report));
    };
    const remove = async () => {
      if (!(await confirmed("Delete this endpoint?", endpoint.url, "Delete"))) return;
      await this.#client.request(path, { method: "DELETE" });
      await this.#load();
    };
    return h(
      "article",
      { class: "card endpoint" },
      h("div", { class: "heading" }, h("h2", {}, endpoint.url), badge(endpoint.status)),
      endpoint.description && h("p", {}, endpoint.description),
      endpoint.disabled_reason && h("p", { class: "soft" }, endpoint.disabled_reason),
      h("p", { class: "soft" }, endpoint.event_types.join(", ")),
      h(
        "div",
        { class: "actions" },
        button("Send a test", test),
        endpoint.status === "enabled" ? button("Pause", set("paused")) : button("Enable", set("enabled")),
        button("Delete", remove),
      ),
      verdict,
      h(
        "details",
        { ontoggle: ({ target }) => target.open && this.#deliveries(path, deliveries).catch(showToast) },
        h("summary", {}, "Deliveries"),
        deliveries,
      ),
    );
  }

  async #deliveries(path, list) {
    const { items } = await this.#client.request(`${path}/deliveries`);
    list.replaceChildren(...items.map((delivery) => this.#delivery(delivery)));
    if (!items.length) list.replaceChildren(h("li", { class: "empty" }, "No deliveries yet."));
  }

  #delivery(delivery) {
    const again = h("button", { type: "button" }, "Deliver again");
    const status = badge(delivery.status);
    again.addEventListener("click", () =>
      whileBusy(again, async () => {
        await this.#client.request(`/v1/webhook-deliveries/${delivery.id}/redeliver`, { method: "POST" });
        setText(status, "pending");
        status.dataset.status = "pending";
      }),
    );
    const { length } = delivery.attempts;
    return h(
      "li",
      {},
      h(
        "details",
        {},
        h(
          "summary",
          {},
          status,
          h("span", { class: "name" }, delivery.event_type),
          h("span", { class: "soft" }, length === 1 ? "1 attempt" : `${length} attempts`),
          h("time", { datetime: delivery.created_at, title: dateTime(delivery.created_at) }, ago(delivery.created_at)),
        ),
        h("ol", { class: "attempts" }, ...delivery.attempts.map(attempt)),
        delivery.next_attempt_at && h("p", { class: "soft" }, `Next attempt ${ago(delivery.next_attempt_at)}`),
        again,
      ),
    );
  }
}

/** The report of a test. */
function testReport(report) {
  return [
    h("p", {}, badge(report.verdict), " ", report.explanation),
    h(
      "details",
      {},
      h("summary", {}, `Details (${duration(report.duration_ms ?? 0)})`),
      h("pre", { tabindex: "0" }, JSON.stringify(report, null, 2)),
    ),
  ];
}

function attempt({ at, status, error, message, duration_ms: ms, answer }) {
  return h(
    "li",
    {},
    h(
      "div",
      { class: "line" },
      h("strong", {}, status ? `HTTP ${status}` : (error ?? "No answer")),
      h("span", { class: "soft" }, `${dateTime(at)}, ${duration(ms ?? 0)}`),
    ),
    message && h("p", {}, message),
    answer && h("code", {}, answer),
  );
}
