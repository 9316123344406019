/**
 * The errors that this client throws. `code` is stable; for refused requests it is that of the HTTP API.
 * @import * as Types from "./pressrun.js"
 */

/** @implements {Types.PressrunError} */
export class PressrunError extends Error {
  /** @param {ErrorOptions} [options] */
  constructor(code, message, options) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/**
 * The server refused a request (RFC 9457). `errors` lists `{pointer, message}` if the input is invalid.
 * @implements {Types.ApiError}
 */
export class ApiError extends PressrunError {
  /** @param {number | null} retryAfterMs */
  constructor(status, problem, retryAfterMs = null) {
    super(problem.code ?? `http_${status}`, problem.detail ?? `The server answered ${status}.`);
    this.status = status;
    this.errors = problem.errors ?? [];
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The server could not be reached. A request may or may not have taken effect. */
export class NetworkError extends PressrunError {
  constructor(cause) {
    super("network_error", "The server could not be reached.", { cause });
  }
}

/**
 * The server closed the connection with a code that forbids a reconnect, `closeCode`.
 * @implements {Types.ConnectionRefused}
 */
export class ConnectionRefused extends PressrunError {
  constructor(closeCode, reason) {
    super("connection_refused", reason || `The server closed the connection with ${closeCode}.`);
    this.closeCode = closeCode;
  }
}

/** The token has expired, and there is no way to get another: give the client a `tokenProvider`. */
export class TokenExpired extends PressrunError {
  constructor() {
    super("token_expired", "The token has expired, and the client has no tokenProvider to ask for another.");
  }
}

/** The server refused or ended one subscription (`job_not_found`, `forbidden`, …); others go on. */
export class SubscriptionError extends PressrunError {}

/**
 * The job failed. `job` is its last state.
 * @implements {Types.JobFailed}
 */
export class JobFailed extends PressrunError {
  constructor(job) {
    super(job.error?.code ?? "job_failed", job.error?.message ?? "The job failed.");
    this.job = job;
  }
}

/**
 * The job was cancelled. `job` is its last state.
 * @implements {Types.JobCancelled}
 */
export class JobCancelled extends PressrunError {
  constructor(job) {
    super("job_cancelled", "The job was cancelled.");
    this.job = job;
  }
}
