import { h, showToast, whileBusy } from "./dom.js";
import { bytes } from "./format.js";

const MAX_AUTOMATIC_BYTES = 20_000_000; // larger results are shown on request
const VIEWER_START_MS = 2_000;
const HAS_ROOM = "(min-width: 44rem)"; // phones do not show PDFs inside a page
const PICTURES = new Set(["image/png", "image/webp"]);

/** Returns the focus to where it was when Chromium's PDF viewer takes it at its start. */
function keepFocusFrom(frame) {
  const focused = document.activeElement;
  const giveBack = () => {
    if (document.activeElement === frame && focused?.isConnected) focused.focus({ preventScroll: true });
  };
  addEventListener("blur", giveBack);
  frame.addEventListener("load", () => setTimeout(() => removeEventListener("blur", giveBack), VIEWER_START_MS));
}

function isShown(contentType) {
  if (PICTURES.has(contentType)) return true;
  return contentType === "application/pdf" && navigator.pdfViewerEnabled && matchMedia(HAS_ROOM).matches;
}

/**
 * Shows the result of a job if it is a PDF or a picture. The result is fetched with the API key,
 * which an `iframe` could not send, and becomes a `blob:` URL of this page.
 */
export class Preview {
  element = h("div", { class: "preview" });
  #job;
  #url = null;

  /** `job` is a job object of the client. */
  constructor(job) {
    this.#job = job;
  }

  /** Shows the result if the job has one now. */
  update({ status, result }) {
    if (this.#url || this.element.dataset.status === status) return;
    this.element.dataset.status = status;
    this.element.hidden = status !== "succeeded" || !result?.url || !isShown(result.content_type);
    if (this.element.hidden) return;
    if (result.bytes <= MAX_AUTOMATIC_BYTES) this.#show(result);
    else this.#showButton(result);
  }

  /** Returns a URL of the bytes, for showing or saving them. */
  async url() {
    this.#url ??= URL.createObjectURL(await this.#job.result());
    return this.#url;
  }

  close() {
    if (this.#url) URL.revokeObjectURL(this.#url);
  }

  #showButton(result) {
    const label = `Show the ${PICTURES.has(result.content_type) ? "picture" : "PDF"} (${bytes(result.bytes)})`;
    const button = h("button", { type: "button", onclick: () => whileBusy(button, () => this.#show(result)) }, label);
    this.element.replaceChildren(button);
  }

  async #show({ content_type: contentType }) {
    try {
      const url = await this.url();
      if (PICTURES.has(contentType)) {
        this.element.replaceChildren(h("img", { src: url, alt: "The page that was asked for" }));
        return;
      }
      const frame = h("iframe", { src: `${url}#view=FitH&navpanes=0`, title: "The rendered PDF" });
      keepFocusFrom(frame);
      this.element.replaceChildren(frame);
    } catch (error) {
      this.element.replaceChildren(h("p", { class: "empty" }, error.message));
      if (error.status !== 410) showToast(error);
    }
  }
}
