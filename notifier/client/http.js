import { ApiError, NetworkError } from "./errors.js";

/**
 * Sends requests with credentials. Refusals become `ApiError`, failures below HTTP `NetworkError`.
 * @import * as Types from "./pressrun.js"
 */
export class Http {
  #environment;

  constructor(url, environment) {
    this.base = url.replace(/\/+$/, "");
    this.#environment = environment;
  }

  /**
   * Returns the answer, if it is a success (2xx, or 304 if `headers` ask for that).
   * @param {string} path
   * @param {Omit<Types.RequestOptions, "token"> & { bearer?: string | null }} [request]
   * @returns {Promise<Response>}
   */
  async send(path, { method = "GET", query, body, headers = {}, bearer, signal } = {}) {
    signal?.throwIfAborted();
    /** @type {Record<string, string>} */
    const sent = { ...headers };
    if (bearer) sent.Authorization = `Bearer ${bearer}`;
    if (body !== undefined) sent["Content-Type"] = "application/json";
    let response;
    try {
      response = await this.#environment.fetch(this.base + path + search(query), {
        method,
        headers: sent,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        cache: "no-store",
        credentials: "omit",
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new NetworkError(error);
    }
    if (!response.ok && response.status !== 304) throw await refusal(response);
    return response;
  }

  /**
   * Returns the JSON in the answer; null if there is none.
   * @param {string} path
   * @param {Omit<Types.RequestOptions, "token"> & { bearer?: string | null }} [request]
   */
  async json(path, request) {
    const response = await this.send(path, request);
    if (response.status === 204) return null;
    try {
      return await response.json();
    } catch (error) {
      request?.signal?.throwIfAborted();
      throw new NetworkError(error);
    }
  }
}

function search(query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    const text = String(value ?? ""); // lists become values with commas between
    if (text !== "") parameters.set(name, text);
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

async function refusal(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Not from Pressrun: from a proxy, say. Only the status is known.
  }
  const seconds = Number(response.headers.get("Retry-After"));
  return new ApiError(response.status, problem, seconds > 0 ? seconds * 1000 : null);
}
