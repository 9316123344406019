/** Shows the errors of a form at its fields. */

/**
 * Shows each `{pointer, message}` of `error.errors` at its field. Errors without a field, and other
 * kinds of errors, appear in the form's own line.
 */
export function showErrors(form, error) {
  clearErrors(form);
  const rest = [];
  for (const { pointer, message } of error.errors ?? []) {
    const field = [...form.querySelectorAll("[data-field]")].find((each) => isBelow(pointer, each.dataset.field));
    if (field) mark(field, message);
    else rest.push(`${pointer}: ${message}`);
  }
  const first = form.querySelector("[aria-invalid]");
  form.querySelector(".form-error").textContent = rest.join("\n") || (first ? "" : error.message);
  const hidden = first?.closest("details");
  if (hidden) hidden.open = true;
  first?.focus();
}

export function clearErrors(form) {
  form.querySelector(".form-error").textContent = "";
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  for (const line of form.querySelectorAll(".field-error")) line.textContent = "";
}

function isBelow(pointer, field) {
  return pointer === field || pointer.startsWith(`${field}/`);
}

function mark(field, message) {
  const control = field.querySelector("input, select, textarea");
  let line = field.querySelector(".field-error");
  if (!line) {
    line = document.createElement("p");
    line.className = "field-error";
    line.id = `${control.id}-error`;
    control.setAttribute("aria-describedby", line.id);
    field.append(line);
  }
  control.setAttribute("aria-invalid", "true");
  line.textContent = message;
}
