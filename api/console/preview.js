import { complain, h, whileBusy } from "./dom.js";
import { bytes } from "./format.js";

const UNASKED_BYTES = 20_000_000;
const VIEWER_STARTS_MS = 2_000;
const HAS_ROOM = "(min-width: 44rem)"; // phones show PDFs on their own, not in pages
const PICTURES = new Set(["image/png", "image/webp"]);

/** Chromium's PDF viewer takes the focus once it is there; who reads with the keyboard keeps their place. */
function keepFocusFrom(frame) {
  const reading = document.activeElement;
  const giveBack = () => {
    if (document.activeElement === frame && reading?.isConnected) reading.focus({ preventScroll: true });
  };
  addEventListener("blur", giveBack);
  frame.addEventListener("load", () => setTimeout(() => removeEventListener("blur", giveBack), VIEWER_STARTS_MS));
}

function isShown(contentType) {
  if (PICTURES.has(contentType)) return true;
  return contentType === "application/pdf" && navigator.pdfViewerEnabled && matchMedia(HAS_ROOM).matches;
}

/**
 * The result of a job, beside it: a PDF or a picture; anything else is for downloading. It is fetched with the page's
 * credentials, so it becomes a `blob:` of this page.
 */
export class Preview {
  element = h("div", { class: "preview" });
  #job;
  #url = null;

  /** `job` is the client's. */
  constructor(job) {
    this.#job = job;
  }

  /** Shows what there is to see of the job now. */
  update({ status, result }) {
    if (this.#url || this.element.dataset.status === status) return;
    this.element.dataset.status = status;
    this.element.hidden = status !== "succeeded" || !result?.url || !isShown(result.content_type);
    if (this.element.hidden) return;
    if (result.bytes <= UNASKED_BYTES) this.#show(result);
    else this.#offer(result);
  }

  /** A link to the bytes, for opening or saving them. */
  async url() {
    this.#url ??= URL.createObjectURL(await this.#job.result());
    return this.#url;
  }

  close() {
    if (this.#url) URL.revokeObjectURL(this.#url);
  }

  #offer(result) {
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
      if (error.status !== 410) complain(error);
    }
  }
}
