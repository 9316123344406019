import { ApiError, NetworkError } from "./errors.js";

/** Requests to the server, with credentials; refusals become `ApiError`, everything below HTTP `NetworkError`. */
export class Http {
  #environment;

  constructor(url, environment) {
    this.base = url.replace(/\/+$/, "");
    this.#environment = environment;
  }

  /** The answer, once it is known to be a good one (2xx, or 304 where `headers` ask for that). */
  async send(path, { method = "GET", query, body, headers = {}, bearer, signal } = {}) {
    signal?.throwIfAborted();
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

  /** The JSON in the answer; null where there is none. */
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
    const text = String(value ?? ""); // several values with commas between
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
    // Not ours: a proxy, say. The status has to do.
  }
  const seconds = Number(response.headers.get("Retry-After"));
  return new ApiError(response.status, problem, seconds > 0 ? seconds * 1000 : null);
}
