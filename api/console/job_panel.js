import { badge, byId, confirmed, h, setText, whileBusy } from "./dom.js";
import { STATUS, bytes, dateTime, duration, isTerminal, stage, title } from "./format.js";
import { Preview } from "./preview.js";
import { hasKey } from "./session.js";
import { Timeline } from "./timeline.js";

/** Shows the open job: its timeline, its result and its actions. */
export class JobPanel {
  #client;
  #model;
  #onClosed;
  #panel = byId("job-panel");
  #open = null;

  /** Calls `onClosed(id)` when the job is closed to go back to the list. */
  constructor(client, model, onClosed) {
    this.#client = client;
    this.#model = model;
    this.#onClosed = onClosed;
    model.addEventListener("job", ({ detail }) => detail.id === this.#open?.id && this.#open.update(detail));
    model.addEventListener(
      "event",
      ({ detail }) => detail.data.job?.id === this.#open?.id && this.#open.timeline.add(detail),
    );
    model.addEventListener("gone", ({ detail }) => detail === this.#open?.id && this.#onClosed(detail));
    this.close();
  }

  close() {
    this.#open?.close();
    this.#open = null;
    this.#panel.replaceChildren(welcome());
  }

  open(id) {
    if (this.#open?.id === id) return;
    this.#open?.close();
    this.#open = new OpenJob(this.#client, this.#model, id, () => this.#onClosed(id));
    this.#panel.replaceChildren(this.#open.element);
    this.#panel.scrollTop = 0;
    const known = this.#model.jobs.get(id);
    if (known) this.#open.update(known);
    this.#open.heading.focus({ preventScroll: true });
    this.load();
  }

  /** Reads what is not known of the open job. If that fails, call it again when the server answers. */
  async load() {
    const opened = this.#open;
    if (!opened || opened.isLoaded) return;
    try {
      const job = this.#client.job(opened.id);
      if (!this.#model.jobs.has(opened.id)) this.#model.put(await job.refresh());
      opened.timeline.add(...(await job.events()));
      opened.isLoaded = true;
    } catch (error) {
      if (error.status === 404 && this.#open === opened) this.#panel.replaceChildren(missing(error));
    }
  }
}

class OpenJob {
  /** Whether all events of the job were read. */
  isLoaded = false;
  timeline = new Timeline();
  heading = h("h1", { tabindex: "-1" });
  #job;
  #model;
  #badge = badge("queued");
  #actions = h("div", { class: "actions" });
  #progress = h("div", { class: "progress" });
  #bar = h("progress", { max: 100, "aria-label": "Progress" });
  #stage = h("p", {});
  #problem = h("div", {});
  #facts = h("dl", { class: "facts" });
  #warnings = h("div", {});
  #preview;
  #shownVersion = null;
  #shownActions = "";
  #handlers = {
    Cancel: async () => this.#model.put(await this.#job.cancel()),
    "Run again": () => this.#runAgain(),
    Delete: () => this.#delete(),
    Download: () => this.#download(),
  };

  constructor(client, model, id, onClosed) {
    this.id = id;
    this.#model = model;
    this.#job = client.job(id);
    this.#preview = new Preview(this.#job);
    this.#progress.append(this.#bar, this.#stage);
    const back = h("button", { type: "button", class: "back quiet", onclick: onClosed }, "← Jobs");
    this.element = h(
      "article",
      { class: "open-job", "aria-labelledby": "open-title" },
      h("header", {}, back, h("div", { class: "title" }, this.heading, this.#badge), this.#actions),
      h(
        "div",
        { class: "body" },
        h(
          "div",
          { class: "about" },
          this.#progress,
          this.#problem,
          this.#warnings,
          h("h2", {}, "Timeline"),
          this.timeline.element,
          h("h2", {}, "Details"),
          this.#facts,
        ),
        this.#preview.element,
      ),
    );
    this.heading.id = "open-title";
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && onClosed());
  }

  update(job) {
    setText(this.heading, title(job));
    setText(this.#badge, STATUS[job.status]);
    this.#badge.dataset.status = job.status;
    this.#progress.hidden = isTerminal(job) || job.status === "scheduled";
    this.#bar.value = job.progress?.percent ?? 0;
    if (job.status !== "running") this.#bar.removeAttribute("value");
    setText(
      this.#stage,
      job.status === "running"
        ? stage(job.progress)
        : `Waiting${job.status === "retrying" ? " to be tried again" : " for a worker"}`,
    );
    this.#preview.update(job);
    if (this.#shownVersion === job.version) return; // only the progress has changed
    this.#shownVersion = job.version;
    this.#problem.replaceChildren(...problem(job));
    this.#warnings.replaceChildren(...warnings(job));
    this.#facts.replaceChildren(...facts(job));
    this.#showActions(actions(job));
  }

  close() {
    this.#preview.close();
  }

  /** Leaves the buttons alone if they stay the same: somebody may be pressing one. */
  #showActions(names) {
    if (this.#shownActions === String(names)) return;
    this.#shownActions = String(names);
    const hadFocus = this.#actions.contains(document.activeElement);
    this.#actions.replaceChildren(...names.map((name) => this.#button(name)));
    if (hadFocus) this.heading.focus({ preventScroll: true });
  }

  #button(name) {
    const onclick = ({ currentTarget }) => whileBusy(currentTarget, this.#handlers[name]);
    return h("button", { type: "button", class: name === "Download" ? "primary" : "", onclick }, name);
  }

  async #runAgain() {
    const { id, snapshot } = await this.#job.retry();
    this.#model.put(snapshot);
    location.hash = `#/jobs/${id}`;
  }

  async #delete() {
    if (
      !(await confirmed("Delete this job?", "Its record, its input and its result will be deleted for good.", "Delete"))
    )
      return;
    await this.#job.delete();
    this.#model.remove(this.id);
  }

  async #download() {
    const job = this.#model.jobs.get(this.id);
    const extension = job.result.filename.split(".").pop();
    const link = h("a", { href: await this.#preview.url(), download: `${title(job)}.${extension}` });
    link.click();
  }
}

/** The actions that are possible now, by the texts of their buttons. */
function actions(job) {
  if (!isTerminal(job)) return ["Cancel"];
  if (job.status !== "succeeded") return ["Run again", "Delete"];
  return job.result?.url ? ["Download", "Delete"] : ["Delete"];
}

function problem({ status, error }) {
  if (!error) return [];
  const kind = status === "failed" ? "failed" : "retrying";
  return [
    h(
      "div",
      { class: "box", "data-status": kind },
      h("h2", {}, status === "failed" ? "Why it failed" : "What went wrong"),
      h("p", {}, error.message),
      h("code", {}, error.code),
    ),
  ];
}

function warnings({ result }) {
  if (!result?.warnings?.length) return [];
  const items = result.warnings.map((found) =>
    h(
      "li",
      {},
      h("p", {}, found.message),
      found.url && h("p", { class: "url" }, found.url),
      found.source && h("p", { class: "url" }, cssPlace(found)),
      found.element && !found.message.includes(found.element) && h("p", { class: "url" }, found.element),
      h("code", {}, found.code),
      found.severity && ` ${found.severity}`,
      found.page && `, page ${found.page}`,
      found.count && `, ${found.count} times`,
    ),
  );
  const omitted = Object.entries(result.warnings_omitted ?? {}).map(([code, number]) =>
    h("li", {}, `${number} more of `, h("code", {}, code)),
  );
  return [
    h(
      "div",
      { class: "box", "data-status": "retrying" },
      h("h2", {}, result.warnings.length === 1 ? "1 warning" : `${result.warnings.length} warnings`),
      h("ul", {}, ...items, ...omitted),
    ),
  ];
}

function cssPlace({ source, line }) {
  return line ? `${source}, line ${line}` : source;
}

function facts(job) {
  const { result } = job;
  const rows = [
    ["Job", h("code", {}, job.id)],
    ["Kind", job.kind],
    ["Created", dateTime(job.created_at)],
    job.scheduled_at && ["Not before", dateTime(job.scheduled_at)],
    job.finished_at && job.started_at && ["Took", duration(Date.parse(job.finished_at) - Date.parse(job.started_at))],
    result?.pages && ["Pages", String(result.pages)],
    result && ["Size", bytes(result.bytes)],
    result?.render_ms && ["Rendering", duration(result.render_ms)],
    result?.cached && ["From", "an earlier job, unchanged"],
    result?.peak_memory_bytes && ["Peak memory", bytes(result.peak_memory_bytes)],
    ["Attempts", `${job.attempt} of ${job.max_attempts}`],
    job.priority !== "normal" && ["Priority", job.priority],
    job.tags.length && ["Tags", job.tags.join(", ")],
    job.retry_of && ["Retry of", h("a", { href: `#/jobs/${job.retry_of}` }, job.retry_of)],
    job.expires_at && ["Kept until", dateTime(job.expires_at)],
  ];
  return rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
}

function welcome() {
  const key = hasKey() ? "  -H 'Authorization: Bearer …' \\\n" : "";
  const command = `curl --data '<h1>Hello</h1>' \\\n${key}  -H 'Content-Type: text/html' -H 'Prefer: wait=25' \\\n  ${location.origin}/v1/pdf -o hello.pdf`;
  return h(
    "div",
    { class: "welcome" },
    h("h1", {}, "HTML in, PDF out."),
    h(
      "p",
      {},
      "Write or drop a document, press Render, and watch it happen. Open a job to see its timeline and its pages here.",
    ),
    h("p", { class: "soft" }, "The same from a shell:"),
    h("pre", { tabindex: "0" }, command),
  );
}

function missing(error) {
  return h(
    "div",
    { class: "welcome" },
    h("h1", {}, "This job cannot be shown"),
    h("p", {}, error.message),
    h("p", {}, h("a", { href: "#/" }, "Back to the jobs")),
  );
}
