export type JobStatus = "scheduled" | "queued" | "running" | "retrying" | "succeeded" | "failed" | "cancelled";
export type ConnectionState = "idle" | "connecting" | "live" | "waiting" | "fallback";

export interface Progress {
  percent: number;
  stage: string;
  page: number | null;
}

export interface Warning {
  code: string;
  message: string;
  url?: string;
  /** What the warning is about, such as `<table id="prices"> (element 12)`. */
  element?: string;
  /** The first page with it. */
  page?: number;
}

export interface JobResult {
  /** `null` once the result has expired. */
  url: string | null;
  content_type: string;
  bytes: number;
  sha256: string;
  /** The title of the document, or its first heading. */
  title?: string;
  pages?: number;
  render_ms?: number;
  peak_memory_bytes?: number;
  cached?: boolean;
  warnings?: Warning[];
}

export interface JobDocument {
  id: string;
  kind: string;
  status: JobStatus;
  version: number;
  attempt: number;
  max_attempts: number;
  priority: "high" | "normal" | "low";
  created_at: string;
  scheduled_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  expires_at: string | null;
  progress: Progress | null;
  result: JobResult | null;
  error: { code: string; message: string; retryable: boolean } | null;
  metadata: Record<string, unknown>;
  tags: string[];
  batch_id: string | null;
  retry_of: string | null;
  links: Record<string, string>;
  /** Only in an answer to `GET /v1/jobs/{id}`, and only while the job waits for a worker. */
  queue?: { position: number };
}

/** As published, the same on every channel. `data` holds `job`, `batch` or what else the type names. */
export interface PressrunEvent {
  id: string;
  type: string;
  timestamp: string;
  sequence: number;
  data: { job?: JobDocument; [subject: string]: unknown };
}

/** A change of one job: a snapshot (first, and if changes were missed), or an event. */
export type JobChange =
  { type: "snapshot"; data: { job: JobDocument } } | (PressrunEvent & { data: { job: JobDocument } });

/** Events were lost for good: list the jobs. */
export interface Reset {
  type: "reset";
  reason: string;
  cursor: string;
}

export interface Token {
  token: string;
  expires_at?: string;
  url?: string;
}

export interface PressrunOptions {
  /** The server's URL; default: that of the page. */
  url?: string;
  /** Default: what the server names, else `/v1/ws` at `url`. */
  websocketUrl?: string;
  /** For backends only. */
  apiKey?: string;
  token?: string;
  /** Asked for the first token, and again whenever one is about to expire. */
  tokenProvider?: () => Promise<string | Token>;
  /** For tests: replaces `fetch`, `WebSocket`, timers, … */
  environment?: Record<string, unknown>;
}

export interface Signalled {
  signal?: AbortSignal;
}

export interface SubmitOptions extends Signalled {
  /** Default: `pdf.render`. */
  kind?: string;
  options?: Record<string, unknown>;
  priority?: "high" | "normal" | "low";
  scheduled_at?: string;
  expires_in_seconds?: number;
  max_attempts?: number;
  timeout_seconds?: number;
  metadata?: Record<string, unknown>;
  tags?: string[];
  webhook_url?: string;
  /** Default: a random one. */
  idempotencyKey?: string;
}

export interface JobsOptions extends Signalled {
  /** A cursor; without: from now on. */
  after?: string;
  filter?: { kinds?: string[]; tags?: string[]; types?: string[] };
}

export interface RequestOptions extends Signalled {
  method?: string;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  token?: string | null;
}

export class Job implements AsyncIterable<JobChange> {
  readonly id: string;
  readonly snapshot: JobDocument | null;
  onprogress: ((progress: Progress) => void) | null;
  [Symbol.asyncIterator](): AsyncIterator<JobChange>;
  done(options?: Signalled): Promise<JobDocument>;
  refresh(options?: Signalled): Promise<JobDocument>;
  events(options?: Signalled): Promise<PressrunEvent[]>;
  result(options?: Signalled): Promise<Blob>;
  cancel(options?: Signalled): Promise<JobDocument>;
  retry(options?: Signalled): Promise<Job>;
  delete(options?: Signalled): Promise<void>;
}

export interface JobsStream extends AsyncIterableIterator<PressrunEvent | Reset> {
  /** Where to resume: everything up to here has been read. */
  readonly cursor: string | null;
  /** Resolves once the server has begun to send. */
  readonly ready: Promise<void>;
  onprogress: ((jobId: string, progress: Progress) => void) | null;
}

export class Pressrun {
  constructor(options?: PressrunOptions);
  readonly state: ConnectionState;
  /** How the last WebSocket was closed; null while one works. */
  readonly lastClose: { code: number; reason: string } | null;
  onstate: ((state: ConnectionState) => void) | null;
  submit(input: string | Record<string, unknown>, options?: SubmitOptions): Promise<Job>;
  job(id: string, options?: Signalled & { token?: string }): Job;
  jobs(options?: JobsOptions): JobsStream;
  list(query?: Signalled & Record<string, unknown>): Promise<{ items: JobDocument[]; next_cursor: string | null }>;
  request(path: string, options?: RequestOptions): Promise<any>;
  send(path: string, options?: RequestOptions): Promise<Response>;
  close(): void;
}

export class PressrunError extends Error {
  readonly code: string;
}
export class ApiError extends PressrunError {
  readonly status: number;
  readonly errors: { pointer: string; message: string }[];
  readonly problem: Record<string, unknown>;
  readonly retryAfterMs: number | null;
}
export class NetworkError extends PressrunError {}
export class ConnectionRefused extends PressrunError {
  readonly closeCode: number;
}
export class TokenExpired extends PressrunError {}
export class SubscriptionError extends PressrunError {}
export class JobFailed extends PressrunError {
  readonly job: JobDocument;
}
export class JobCancelled extends PressrunError {
  readonly job: JobDocument;
}
