/** Everything this client throws on purpose. `code` is stable and the same as in the HTTP API where it comes from there. */

export class PressrunError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The server refused a request (RFC 9457). `errors` lists `{pointer, message}` where input did not fit. */
export class ApiError extends PressrunError {
  constructor(status, problem, retryAfterMs = null) {
    super(problem.code ?? `http_${status}`, problem.detail ?? `The server answered ${status}.`);
    this.status = status;
    this.errors = problem.errors ?? [];
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The server could not be reached. Whether a request took effect is unknown. */
export class NetworkError extends PressrunError {
  constructor(cause) {
    super("network_error", "The server could not be reached.", { cause });
  }
}

/** The server closed the connection for good: trying again would end the same. `closeCode` is the WebSocket's. */
export class ConnectionRefused extends PressrunError {
  constructor(closeCode, reason) {
    super("connection_refused", reason || `The server closed the connection with ${closeCode}.`);
    this.closeCode = closeCode;
  }
}

/** The token's time is over and there is no way to get another: give the client a `tokenProvider`. */
export class TokenExpired extends PressrunError {
  constructor() {
    super("token_expired", "The token has expired, and the client has no tokenProvider to ask for another.");
  }
}

/** The server refused or ended one subscription (`job_not_found`, `forbidden`, …); others go on. */
export class SubscriptionError extends PressrunError {}

/** The job ended without a result. `job` is its last state. */
export class JobFailed extends PressrunError {
  constructor(job) {
    super(job.error?.code ?? "job_failed", job.error?.message ?? "The job failed.");
    this.job = job;
  }
}

/** The job was cancelled. `job` is its last state. */
export class JobCancelled extends PressrunError {
  constructor(job) {
    super("job_cancelled", "The job was cancelled.");
    this.job = job;
  }
}
