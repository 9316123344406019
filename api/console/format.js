/** Formats numbers, times and names. */

const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const STEPS = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
  ["year", Infinity],
];

export const STATUS = {
  scheduled: "Scheduled",
  queued: "Queued",
  running: "Running",
  retrying: "Retrying",
  succeeded: "Succeeded",
  failed: "Failed",
  cancelled: "Cancelled",
};

export function isTerminal(job) {
  return job.status === "succeeded" || job.status === "failed" || job.status === "cancelled";
}

export function ago(time, now = Date.now()) {
  let amount = (Date.parse(time) - now) / 1000;
  if (Math.abs(amount) < 5) return "just now";
  for (const [unit, many] of STEPS) {
    if (Math.abs(amount) < many) return AGO.format(Math.round(amount), unit);
    amount /= many;
  }
  return time;
}

export function clockTime(time) {
  return new Date(time).toLocaleTimeString("en-GB");
}

export function dateTime(time) {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

export function bytes(count) {
  if (count < 1000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export function pages(count) {
  return count === 1 ? "1 page" : `${count} pages`;
}

export function warnings(count) {
  return count === 1 ? "1 warning" : `${count} warnings`;
}

export function title(job) {
  const given = job.metadata?.title;
  return typeof given === "string" && given.trim() ? given : (job.result?.title ?? job.kind);
}

const STAGES = {
  styles: "Reading styles",
  layout: "Laying out",
  pdf: "Writing the PDF",
  fetching: "Fetching PDFs",
  merging: "Putting PDFs together",
  finishing: "Writing the PDF",
  drawing: "Drawing pages",
  done: "Done",
};

export function stage(progress) {
  if (!progress?.stage) return "Starting";
  const name = STAGES[progress.stage] ?? progress.stage;
  return progress.page ? `${name}, page ${progress.page}` : name;
}
