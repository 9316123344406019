/**
 * Parses `text/event-stream` (WHATWG HTML, section 9.2.6) from pieces of text of any size.
 *
 * An event is `{id, type, data}`: `id` is the last one that was sent, empty before the first; `data` is text.
 */
export class EventStreamParser {
  /** The last id of a complete block, with or without an event. */
  lastId = "";
  #rest = "";
  #id = "";
  #type = "";
  /** @type {string[]} */
  #data = [];
  /**
   * How long the server asked to wait before a reconnect, in milliseconds; null if it did not.
   * @type {number | null}
   */
  retryMs = null;

  feed(text) {
    const events = [];
    let buffer = this.#rest + text;
    // A CR at the end may be half of a CRLF.
    const held = buffer.endsWith("\r") ? "\r" : "";
    if (held) buffer = buffer.slice(0, -1);
    const lines = buffer.split(/\r\n|\n|\r/);
    this.#rest = lines.pop() + held;
    for (const line of lines) {
      const event = this.#line(line);
      if (event) events.push(event);
    }
    return events;
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    return null;
  }

  #dispatch() {
    const event = this.#data.length
      ? { id: this.#id, type: this.#type || "message", data: this.#data.join("\n") }
      : null;
    this.lastId = this.#id;
    this.#type = "";
    this.#data = [];
    return event;
  }
}
