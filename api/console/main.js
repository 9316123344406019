import { byId, setText } from "./dom.js";
import { startComposer } from "./composer.js";
import { EventLog } from "./event_log.js";
import { JobList } from "./job_list.js";
import { JobPanel } from "./job_panel.js";
import { JobsModel } from "./jobs_model.js";
import { hasKey, leave, openSession } from "./session.js";
import { Webhooks } from "./webhooks.js";

const LINK_TEXTS = {
  idle: "Offline",
  connecting: "Connecting",
  live: "Live",
  waiting: "Reconnecting",
  fallback: "Live, without WebSocket",
};

const client = await openSession();
const model = new JobsModel(client);
const list = new JobList(model);
const panel = new JobPanel(client, model, (id) => {
  go("#/");
  list.focus(id);
});
const log = new EventLog(client, model);
const webhooks = new Webhooks(client);

byId("forget-key").hidden = !hasKey();
byId("forget-key").addEventListener("click", leave);
client.onstate = showState;
startComposer(client, (job) => {
  model.put(job.snapshot);
  go(`#/jobs/${job.id}`);
});
addEventListener("hashchange", route);
route();
model.run();
webhooks.isAvailable().then(
  (isAvailable) => {
    document.querySelector('[data-view="webhooks"]').hidden = !isAvailable;
  },
  () => {}, // the server cannot be reached: the view stays hidden
);

function showState(state) {
  const element = byId("link-state");
  element.dataset.state = state;
  setText(element.firstElementChild, LINK_TEXTS[state]);
  element.title = client.lastClose?.reason ?? "";
  if (state === "live" || state === "fallback") panel.load();
}

/** Changes the view at once: a key press before `hashchange` would act on the old view. */
function go(hash) {
  location.hash = hash;
  route();
}

function route() {
  const [, view = "", id = null] = location.hash.split("/");
  const name = view === "events" || view === "webhooks" ? view : "jobs";
  for (const each of ["jobs", "events", "webhooks"]) byId(`view-${each}`).hidden = each !== name;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const job = name === "jobs" ? id : null;
  document.body.classList.toggle("job-open", job !== null);
  list.select(job);
  if (job) panel.open(job);
  else if (name === "jobs") panel.close();
  if (name === "events") log.open();
  if (name === "webhooks") webhooks.open();
}
