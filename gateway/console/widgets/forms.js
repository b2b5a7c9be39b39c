/** Forms with labelled fields, whose validation messages are in the page's language. */

import { ApiError } from "../api.js";
import { element } from "../dom.js";
import { t } from "../i18n.js";
import { problemBox } from "./problem.js";

let made = 0;

/**
 * Returns one labelled control. `options` ([value, words] pairs) makes it a choice; all arguments that are not named here
 * become attributes of the control. `wrong` is shown when the value is invalid, `hint` always.
 */
export function field({ name, label, hint, wrong, options, value, ...attributes }) {
  made += 1;
  const id = `field-${made}`;
  const described = `${id}-hint ${id}-wrong`;
  const control = options
    ? element(
        "select",
        { id, name, "aria-describedby": described, ...attributes },
        ...options.map(([key, words]) => element("option", { value: key, selected: key === value }, words)),
      )
    : element("input", { id, name, value, "aria-describedby": described, ...attributes });
  if (attributes.type === "checkbox") {
    return element(
      "div",
      { class: "field field-check" },
      control,
      element("label", { for: id }, label),
      hint && element("p", { id: `${id}-hint`, class: "hint" }, hint),
    );
  }
  const complaint = element("p", {
    id: `${id}-wrong`,
    class: "wrong",
    "data-words": wrong ?? t("field.required"),
  });
  return element(
    "div",
    { class: "field" },
    element("label", { for: id }, label),
    control,
    hint && element("p", { id: `${id}-hint`, class: "hint" }, hint),
    complaint,
  );
}

/**
 * Returns the field of an e-mail address. Its pattern only catches typing errors: Identity validates the address, and
 * type="email" has other rules, which refuse addresses such as 张三@example.com and rewrite domains.
 */
export function emailField(attributes) {
  return field({
    name: "email",
    type: "text",
    inputmode: "email",
    autocapitalize: "off",
    spellcheck: "false",
    pattern: "\\s*[^@\\s]{1,64}@[^@\\s]+\\s*",
    label: t("field.email"),
    wrong: t("field.email_wrong"),
    required: true,
    maxlength: 254,
    ...attributes,
  });
}

/**
 * Returns a form of `fields`. `act(values)` gets the trimmed values by name (a password as typed, a checkbox as a boolean)
 * and may throw ApiError, which is shown in the form, at the field that the gateway names.
 */
export function form({ fields, submit, act, extra = [], inline = false }) {
  const problem = element("div");
  const button = element("button", { type: "submit", class: "button" }, submit);
  const made = element(
    "form",
    { novalidate: true, class: inline ? "form form-inline" : "form" },
    ...fields,
    problem,
    element("div", { class: "buttons" }, ...extra, button),
  );
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.replaceChildren();
    if (button.disabled || !areWellFormed(made)) return;
    button.disabled = true;
    made.setAttribute("aria-busy", "true");
    try {
      await act(valuesOf(made), made);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!complainAt(made, error.fields)) problem.replaceChildren(problemBox(error));
    } finally {
      button.disabled = false;
      made.removeAttribute("aria-busy");
    }
  });
  return made;
}

function controlsOf(form) {
  return [...form.elements].filter((control) => control.name);
}

function valuesOf(form) {
  const valueOf = (control) => {
    if (control.type === "checkbox") return control.checked;
    const isAsTyped = control.type === "password" || "untrimmed" in control.dataset;
    return isAsTyped ? control.value : control.value.trim();
  };
  return Object.fromEntries(controlsOf(form).map((control) => [control.name, valueOf(control)]));
}

function areWellFormed(form) {
  return !complainAt(
    form,
    controlsOf(form)
      .filter((control) => !control.validity.valid)
      .map((control) => control.name),
  );
}

/** Marks only the fields named as invalid and moves the focus to the first. Returns whether there was one. */
function complainAt(form, names) {
  const controls = controlsOf(form);
  for (const control of controls) {
    const complaint = document.getElementById(`${control.id}-wrong`);
    if (!complaint) continue;
    const isWrong = names.includes(control.name);
    control.setAttribute("aria-invalid", String(isWrong));
    complaint.textContent = isWrong ? complaint.dataset.words : "";
  }
  const first = controls.find((control) => names.includes(control.name));
  first?.focus();
  return first !== undefined;
}
