/** Makes an element. In `attributes`, `on…` adds a listener; true sets, false omits an attribute. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Replaces the text only if it differs, so that screen readers announce changes alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Announces a text to screen readers. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** Shows an error for eight seconds. */
export function showToast(error) {
  const toast = h("p", { class: "toast" }, error?.message ?? String(error));
  byId("toasts").append(toast);
  setTimeout(() => toast.remove(), 8000);
}

/** Asks for confirmation in a dialog; resolves to whether it was given. */
export async function confirmed(title, text, action) {
  const dialog = byId("confirm-dialog");
  setText(byId("confirm-title"), title);
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), action);
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue === "yes";
}

/** Runs the action of a button, once at a time, and shows its error. */
export async function whileBusy(button, action) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  try {
    await action();
  } catch (error) {
    showToast(error);
  } finally {
    button.ariaBusy = null;
  }
}

export function badge(status, label = status) {
  return h("span", { class: "badge", "data-status": status }, label);
}
