import { byId, complain, setText } from "./dom.js";
import { clearErrors, showErrors } from "./form_errors.js";
import { SAMPLE } from "./sample.js";

const OPTIONS = ["page_size", "orientation", "margins", "pdf_variant", "filename", "media"];
const SWITCHES = ["tagged", "strict"];
const MAX_TITLE = 80;
const TITLES = {
  html: [/<title[^>]*>([^<]*\S[^<]*)<\/title>/i, /<h[1-3][^>]*>([^]*?)<\/h[1-3]>/i],
  markdown: [/^#{1,6}\s+(.+)$/m],
};

/** The form that makes a job of a document. `onSubmitted` gets the `Job`. */
export function startComposer(client, onSubmitted) {
  const form = byId("composer");
  const source = byId("document");

  const load = (text, format) => {
    source.value = text;
    form.elements.format.value = format;
    clearErrors(form);
    source.focus();
    source.setSelectionRange(0, 0);
    source.scrollTop = 0;
  };
  const loadFile = async (file) => {
    if (!file) return;
    try {
      load(await file.text(), /\.(md|markdown|txt)$/i.test(file.name) ? "markdown" : "html");
    } catch (error) {
      complain(error);
    }
  };

  byId("sample").addEventListener("click", () => load(SAMPLE, "html"));
  byId("file").addEventListener("change", async ({ target }) => {
    await loadFile(target.files[0]);
    target.value = ""; // the same file may be chosen again
  });
  acceptDrops(form, loadFile);
  form.querySelector(".options").addEventListener("change", () => setText(byId("chosen"), summary(form)));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true") return;
    clearErrors(form);
    if (!source.value.trim()) {
      showErrors(form, {
        errors: [{ pointer: "/input", message: "Paste a document, drop a file, or use the sample." }],
      });
      return;
    }
    form.ariaBusy = "true";
    try {
      onSubmitted(await client.submit({ [form.elements.format.value]: source.value }, fields(form)));
    } catch (error) {
      showErrors(form, error);
    } finally {
      form.ariaBusy = null;
    }
  });
}

function acceptDrops(form, loadFile) {
  let depth = 0; // enter and leave are also sent for what is inside
  const over = (change) => {
    depth = change === 0 ? 0 : depth + change;
    form.classList.toggle("dropping", depth > 0);
  };
  form.addEventListener("dragenter", () => over(1));
  form.addEventListener("dragleave", () => over(-1));
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("drop", (event) => {
    over(0);
    const [file] = event.dataTransfer.files;
    if (!file) return; // text goes into the field by itself
    event.preventDefault();
    loadFile(file);
  });
}

function fields(form) {
  const { elements } = form;
  const options = {};
  for (const name of OPTIONS) if (elements[name].value.trim()) options[name] = elements[name].value.trim();
  for (const name of SWITCHES) if (elements[name].checked) options[name] = true;
  const scheduled = elements.scheduled_at.value;
  return {
    options,
    priority: elements.priority.value,
    tags: elements.tags.value
      .split(",")
      .map((tag) => tag.trim())
      .filter(Boolean),
    metadata: { title: titleOf(elements.document.value, elements.format.value) },
    ...(scheduled && { scheduled_at: new Date(scheduled).toISOString() }),
  };
}

/** What the list calls the job. */
function titleOf(text, format) {
  const found = TITLES[format].map((title) => title.exec(text)?.[1]).find(Boolean) ?? text;
  const line = (format === "html" ? plain(found) : found).replace(/\s+/g, " ").trim();
  return line.length > MAX_TITLE ? `${line.slice(0, MAX_TITLE - 1)}…` : line;
}

/** Without tags; entities become what they stand for. Only a short piece is parsed, and nothing in it can run or load. */
function plain(html) {
  const text = html.replace(/<style[^]*?<\/style>|<[^>]*>/gi, " ").slice(0, 4 * MAX_TITLE);
  return new DOMParser().parseFromString(text, "text/html").body.textContent;
}

function summary(form) {
  const { elements } = form;
  const named = ["page_size", "orientation", "margins", "pdf_variant", "filename"].map((name) =>
    elements[name].value.trim(),
  );
  if (elements.priority.value !== "normal") named.push(`${elements.priority.value} priority`);
  if (elements.scheduled_at.value) named.push("scheduled");
  return named.filter(Boolean).join(" · ");
}
