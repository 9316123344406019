/** Makes elements. Members of `attributes` become attributes; `on…` listeners; true and false are present and absent. */
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

/** Replaces text only where it differs, so that screen readers hear of changes alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says something to people who do not see the page. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** Says for a while that something did not work. */
export function complain(error) {
  const toast = h("p", { class: "toast" }, error?.message ?? String(error));
  byId("toasts").append(toast);
  setTimeout(() => toast.remove(), 8000);
}

/** Whether the person means it. */
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

/** Runs what a button does, once at a time; what goes wrong is shown. */
export async function whileBusy(button, action) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  try {
    await action();
  } catch (error) {
    complain(error);
  } finally {
    button.ariaBusy = null;
  }
}

export function badge(status, label = status) {
  return h("span", { class: "badge", "data-status": status }, label);
}
