/** What the client needs of the world around it; tests bring their own. */
export function realEnvironment() {
  return {
    fetch: (...request) => globalThis.fetch(...request),
    WebSocket: globalThis.WebSocket,
    now: () => Date.now(),
    setTimeout: (callback, ms) => globalThis.setTimeout(callback, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    random: Math.random,
    onWake,
  };
}

/** Calls back whenever the network or the page comes back. Returns a function that ends this. */
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
