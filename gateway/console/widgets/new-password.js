/** The fields for choosing a password: the password, and a box that shows what is typed. */

import { t } from "../i18n.js";
import { field } from "./forms.js";

/** Returns the two fields; the arguments are those of field(). The box has the name "show_password". */
export function newPasswordFields(attributes) {
  const password = field({
    type: "password",
    autocomplete: "new-password",
    required: true,
    minlength: 6,
    maxlength: 128,
    hint: t("field.password_hint"),
    wrong: t("field.password_hint"),
    // While it is shown it is a text field, of which blanks at the ends would be dropped.
    "data-untrimmed": true,
    spellcheck: "false",
    autocapitalize: "off",
    ...attributes,
  });
  const input = password.querySelector("input");
  const show = field({ name: "show_password", type: "checkbox", label: t("field.show_password") });
  show.addEventListener("change", (event) => {
    input.type = event.target.checked ? "text" : "password";
  });
  return [password, show];
}
