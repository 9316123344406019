import { byId, setText, showToast } from "./dom.js";
import { clearErrors, showErrors } from "./form_errors.js";
import { SAMPLE } from "./sample.js";

const OPTIONS = ["page_size", "orientation", "margins", "pdf_variant", "filename", "media"];
const FLAGS = ["tagged", "strict"];
const MAX_TITLE = 80;
const TITLES = {
  html: [/<title[^>]*>([^<]*\S[^<]*)<\/title>/i, /<h[1-3][^>]*>([^]*?)<\/h[1-3]>/i],
  markdown: [/^#{1,6}\s+(.+)$/m],
};

/** Runs the form that submits a document. Calls `onSubmitted` with the new job. */
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
      showToast(error);
    }
  };

  byId("sample").addEventListener("click", () => load(SAMPLE, "html"));
  byId("file").addEventListener("change", async ({ target }) => {
    await loadFile(target.files[0]);
    target.value = ""; // so that choosing the same file again is a change
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
  let depth = 0; // elements inside the form send dragenter and dragleave, too
  const moveDepth = (change) => {
    depth = change === 0 ? 0 : depth + change;
    form.classList.toggle("dropping", depth > 0);
  };
  form.addEventListener("dragenter", () => moveDepth(1));
  form.addEventListener("dragleave", () => moveDepth(-1));
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("drop", (event) => {
    moveDepth(0);
    const [file] = event.dataTransfer.files;
    if (!file) return; // the browser inserts dropped text by itself
    event.preventDefault();
    loadFile(file);
  });
}

function fields(form) {
  const { elements } = form;
  const options = {};
  for (const name of OPTIONS) if (elements[name].value.trim()) options[name] = elements[name].value.trim();
  for (const name of FLAGS) if (elements[name].checked) options[name] = true;
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

/** Returns the title of the job in the list: the first title or heading of the document. */
function titleOf(text, format) {
  const found = TITLES[format].map((title) => title.exec(text)?.[1]).find(Boolean) ?? text;
  const line = (format === "html" ? plainText(found) : found).replace(/\s+/g, " ").trim();
  return line.length > MAX_TITLE ? `${line.slice(0, MAX_TITLE - 1)}…` : line;
}

/** Returns the text of some HTML. Parses a short piece only; nothing in it can run or load. */
function plainText(html) {
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
