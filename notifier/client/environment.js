/** The functions of the platform that the client uses. Tests replace them. */
export function realEnvironment() {
  return {
    fetch: (url, options) => globalThis.fetch(url, options),
    WebSocket: globalThis.WebSocket,
    now: () => Date.now(),
    setTimeout: (callback, ms) => globalThis.setTimeout(callback, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    random: Math.random,
    onWake,
  };
}

/** Calls back when the network or the page is back. Returns a function that stops this. */
function onWake(callback) {
  const target = globalThis.window;
  if (!target?.addEventListener) return () => {};
  const whenVisible = () => {
    if (target.document.visibilityState === "visible") callback();
  };
  const whenShownAgain = ({ persisted }) => {
    if (persisted) callback();
  };
  target.addEventListener("online", callback);
  target.addEventListener("pageshow", whenShownAgain);
  target.document.addEventListener("visibilitychange", whenVisible);
  return () => {
    target.removeEventListener("online", callback);
    target.removeEventListener("pageshow", whenShownAgain);
    target.document.removeEventListener("visibilitychange", whenVisible);
  };
}
