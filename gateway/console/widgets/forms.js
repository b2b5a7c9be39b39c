/** Forms: labelled fields that say in the page's language what is wrong with them. */

import { ApiError } from "../api.js";
import { element } from "../dom.js";
import { t } from "../i18n.js";
import { problemBox } from "./problem.js";

let made = 0;

/**
 * One labelled control. `options` ([value, words] pairs) makes it a choice; everything else that is not named here becomes
 * an attribute of the control. `wrong` is what is said when the value does not fit, `hint` is said always.
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
 * The field of an e-mail address. Its pattern only catches slips: the rule is Identity's, and type="email" has another one,
 * which refuses addresses such as 张三@example.com and rewrites domains.
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
 * A form of `fields`. `act(values)` gets the trimmed values by name (a password as typed, a checkbox as a boolean)
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
    return control.type === "password" ? control.value : control.value.trim();
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

/** Marks the fields named, and no others, as wrong and goes to the first. Returns whether there was one. */
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
