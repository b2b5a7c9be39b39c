/** Short messages about completed actions, which screen readers announce, too. */

import { element } from "../dom.js";
import { icon } from "./icons.js";

const SHOWN_MILLISECONDS = 6000;

/** Shows `words` for a few seconds. */
export function notify(words) {
  const notice = element("div", { class: "notice" }, icon("check"), words);
  document.getElementById("notices").replaceChildren(notice);
  setTimeout(() => notice.remove(), SHOWN_MILLISECONDS);
}

/** Removes the messages of the page that is being left. */
export function clearNotices() {
  document.getElementById("notices").replaceChildren();
}
