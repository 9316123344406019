import { announce, badge, byId, h, setText, showToast, whileBusy } from "./dom.js";
import { STATUS, ago, bytes, dateTime, isTerminal, pages, stage, title, warnings } from "./format.js";

const TICK_MS = 15_000;

/** The list of jobs, beside the open job. */
export class JobList {
  #model;
  #list = byId("job-list");
  #rows = new Map();
  #openId = null;
  #statuses = new Map();

  constructor(model) {
    this.#model = model;
    model.addEventListener("job", ({ detail: job }) => this.#changed(job));
    model.addEventListener("gone", () => this.#render());
    model.addEventListener("listed", () => this.#render());
    byId("status-filter").addEventListener("change", ({ target }) => model.list(target.value).catch(showToast));
    byId("list-more").addEventListener("click", ({ currentTarget }) =>
      whileBusy(currentTarget, () => model.listOlder()),
    );
    setInterval(() => this.#rows.forEach((row) => row.tick()), TICK_MS);
  }

  /** Marks the job that is open. */
  select(id) {
    this.#openId = id;
    for (const [each, row] of this.#rows) row.select(each === id);
  }

  /** Moves the keyboard focus to this job, or to the newest one if it is gone. */
  focus(id) {
    (this.#rows.get(id)?.link ?? this.#list.querySelector("a"))?.focus();
  }

  #changed(job) {
    const before = this.#statuses.get(job.id);
    this.#statuses.set(job.id, job.status);
    if (before && before !== job.status && isTerminal(job)) {
      const outcome = job.status === "succeeded" && job.result?.pages ? `, ${pages(job.result.pages)}` : "";
      announce(`${title(job)} ${job.status}${outcome}`);
    }
    const row = this.#rows.get(job.id);
    const fits = !this.#model.status || job.status === this.#model.status;
    if (row && fits) row.update(job);
    else if (row || fits) this.#render();
  }

  #render() {
    const shown = this.#model.shown;
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    shown.forEach((job, index) => {
      let row = this.#rows.get(job.id);
      if (!row) {
        row = new Row(job.id);
        row.select(job.id === this.#openId);
        this.#rows.set(job.id, row);
      }
      row.update(job);
      const current = this.#list.children[index];
      if (current !== row.element) this.#list.insertBefore(row.element, current ?? null);
    });
    byId("list-empty").hidden = shown.length > 0;
    setText(
      byId("list-empty"),
      this.#model.status ? `No ${this.#model.status} jobs.` : "No jobs yet. The first one is a click away.",
    );
    byId("list-more").hidden = !this.#model.hasOlder;
  }
}

class Row {
  #job;
  #title = h("span", { class: "name" });
  #badge = badge("queued");
  #facts = h("span", { class: "facts" });
  #time = h("time", {});
  #bar = h("progress", { max: 100, "aria-label": "Progress" });

  constructor(id) {
    this.link = h(
      "a",
      { href: `#/jobs/${id}` },
      h("span", { class: "line" }, this.#title, this.#badge),
      h("span", { class: "line small" }, this.#facts, this.#time),
      this.#bar,
    );
    this.element = h("li", {}, this.link);
  }

  update(job) {
    this.#job = job;
    setText(this.#title, title(job));
    setText(this.#badge, STATUS[job.status]);
    this.#badge.dataset.status = job.status;
    setText(this.#facts, facts(job));
    this.#bar.hidden = job.status !== "running";
    this.#bar.value = job.progress?.percent ?? 0;
    this.tick();
  }

  select(isOpen) {
    if (isOpen) this.link.setAttribute("aria-current", "true");
    else this.link.removeAttribute("aria-current");
  }

  tick() {
    const time = this.#job.finished_at ?? this.#job.created_at;
    this.#time.dateTime = time;
    setText(this.#time, ago(time));
  }
}

function resultFacts(result) {
  const warned = result.warnings?.length;
  return [result.pages && pages(result.pages), bytes(result.bytes), warned && warnings(warned)]
    .filter(Boolean)
    .join(" · ");
}

function facts(job) {
  switch (job.status) {
    case "running":
      return stage(job.progress);
    case "succeeded":
      return job.result?.url ? resultFacts(job.result) : "Result expired";
    case "failed":
    case "retrying":
      return job.error?.message ?? "";
    case "scheduled":
      return `Starts ${dateTime(job.scheduled_at)}`;
    case "queued":
      return job.tags.join(", ") || "Waiting for a worker";
    default:
      return job.tags.join(", ") || job.kind;
  }
}
