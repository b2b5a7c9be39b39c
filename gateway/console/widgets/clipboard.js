/** Copying text to the clipboard. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { notify } from "./notices.js";

/** Copies `text` to the clipboard and shows a notice. */
export async function copy(text, words = t("copy.done")) {
  // Browsers offer navigator.clipboard only on HTTPS and on localhost.
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else copyFromField(text);
  notify(words);
}

function copyFromField(text) {
  const field = element("textarea", { class: "off-screen", readonly: true, "aria-hidden": "true" });
  field.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
