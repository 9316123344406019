import { complain, h, whileBusy } from "./dom.js";
import { bytes } from "./format.js";

const UNASKED_BYTES = 20_000_000;
const VIEWER_STARTS_MS = 2_000;
const HAS_ROOM = "(min-width: 44rem)"; // phones show PDFs on their own, not in pages

/** Chromium's PDF viewer takes the focus once it is there; who reads with the keyboard keeps their place. */
function keepFocusFrom(frame) {
  const reading = document.activeElement;
  const giveBack = () => {
    if (document.activeElement === frame && reading?.isConnected) reading.focus({ preventScroll: true });
  };
  addEventListener("blur", giveBack);
  frame.addEventListener("load", () => setTimeout(() => removeEventListener("blur", giveBack), VIEWER_STARTS_MS));
}

/** The PDF of a job, beside it. It is fetched with the page's credentials, so it becomes a `blob:` of this page. */
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
    const isPdf = status === "succeeded" && result?.content_type === "application/pdf";
    this.element.hidden = !isPdf || !navigator.pdfViewerEnabled || !matchMedia(HAS_ROOM).matches;
    if (this.element.hidden) return;
    if (result.bytes <= UNASKED_BYTES) this.#show();
    else this.#offer(result.bytes);
  }

  /** A link to the bytes, for opening or saving them. */
  async url() {
    this.#url ??= URL.createObjectURL(await this.#job.result());
    return this.#url;
  }

  close() {
    if (this.#url) URL.revokeObjectURL(this.#url);
  }

  #offer(size) {
    const button = h("button", { type: "button", onclick: () => whileBusy(button, () => this.#show()) }, `Show the PDF (${bytes(size)})`);
    this.element.replaceChildren(button);
  }

  async #show() {
    try {
      const url = await this.url();
      const frame = h("iframe", { src: `${url}#view=FitH&navpanes=0`, title: "The rendered PDF" });
      keepFocusFrom(frame);
      this.element.replaceChildren(frame);
    } catch (error) {
      this.element.replaceChildren(h("p", { class: "empty" }, error.message));
      if (error.status !== 410) complain(error);
    }
  }
}
