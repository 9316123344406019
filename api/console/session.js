import { ApiError, Pressrun } from "/client/pressrun.js";

import { byId, setText } from "./dom.js";

const STORED = "pressrun.api-key";

/**
 * Returns a client that the server accepts. If the server has API keys, a dialog asks for one and
 * keeps it in the tab's session storage.
 */
export async function openSession() {
  const stored = sessionStorage.getItem(STORED);
  const client = new Pressrun({ apiKey: stored });
  const refusal = await refusalOf(client);
  if (!refusal) return client;
  if (stored) sessionStorage.removeItem(STORED);
  return askForKey(refusal, stored !== null);
}

/** Forgets the key and reloads the page without its data. */
export function leave() {
  sessionStorage.removeItem(STORED);
  location.reload();
}

export function hasKey() {
  return sessionStorage.getItem(STORED) !== null;
}

/** Returns why the server refuses this client; null if it does not, or cannot be reached. */
async function refusalOf(client) {
  try {
    await client.list({ limit: 1 });
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return error;
  }
  return null;
}

function askForKey(refusal, hadKey) {
  const dialog = byId("key-dialog");
  const problem = byId("key-error");
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // the page shows nothing without a key
  setText(problem, hadKey || refusal.status === 403 ? refusal.message : "");
  dialog.showModal();
  return new Promise((resolve) => {
    byId("key-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const key = byId("key").value.trim();
      const client = new Pressrun({ apiKey: key });
      const refused = key ? await refusalOf(client) : new Error("Enter a key.");
      byId("key").toggleAttribute("aria-invalid", Boolean(refused));
      setText(problem, refused ? refused.message : "");
      if (refused) return byId("key").focus();
      sessionStorage.setItem(STORED, key);
      dialog.close();
      return resolve(client);
    });
  });
}
