import { h } from "./dom.js";
import { clockTime, dateTime, duration } from "./format.js";

const TITLES = {
  "job.queued": "Queued",
  "job.scheduled": "Scheduled",
  "job.started": "Started",
  "job.retrying": "To be tried again",
  "job.succeeded": "Succeeded",
  "job.failed": "Failed",
  "job.cancelled": "Cancelled",
  "job.expired": "Result expired",
};

/** The events of a job, oldest first. */
export class Timeline {
  element = h("ol", { class: "timeline" });
  #events = new Map();

  /** Adds events, in any order; repeated ones are ignored. */
  add(...events) {
    const before = this.#events.size;
    for (const event of events) this.#events.set(event.id, event);
    if (this.#events.size > before) this.#render();
  }

  #render() {
    const events = [...this.#events.values()].sort((a, b) => a.sequence - b.sequence);
    const start = Date.parse(events[0].timestamp);
    this.element.replaceChildren(...events.map((event) => item(event, Date.parse(event.timestamp) - start)));
  }
}

function item({ type, timestamp, data: { job } }, sinceMs) {
  return h(
    "li",
    { "data-status": type.replace("job.", "") },
    h("span", { class: "what" }, TITLES[type] ?? type, detail(type, job) && h("small", {}, detail(type, job))),
    h(
      "time",
      { datetime: timestamp, title: dateTime(timestamp) },
      sinceMs ? `+${duration(sinceMs)}` : clockTime(timestamp),
    ),
  );
}

function detail(type, job) {
  if (type === "job.started") return job.max_attempts > 1 ? `attempt ${job.attempt} of ${job.max_attempts}` : null;
  if (type === "job.scheduled") return job.scheduled_at && `for ${dateTime(job.scheduled_at)}`;
  if (type === "job.retrying" || type === "job.failed") return job.error?.code;
  return null;
}
