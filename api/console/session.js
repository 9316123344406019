import { ApiError, Pressrun } from "/client/pressrun.js";

import { byId, setText } from "./dom.js";

const STORED = "pressrun.api-key";

/**
 * A client that the server lets in. Without API keys it needs nothing; else a person is asked for one, which stays in
 * the tab's session storage.
 */
export async function openSession() {
  const stored = sessionStorage.getItem(STORED);
  const client = new Pressrun({ apiKey: stored });
  const refusal = await refusalOf(client);
  if (!refusal) return client;
  if (stored) sessionStorage.removeItem(STORED);
  return askForKey(refusal, stored !== null);
}

/** Forgets the key, and everything on the page with it. */
export function leave() {
  sessionStorage.removeItem(STORED);
  location.reload();
}

export function hasKey() {
  return sessionStorage.getItem(STORED) !== null;
}

/** Why the server does not let this client in; null where it does, or where one cannot know yet. */
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
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // there is nothing to see without
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
