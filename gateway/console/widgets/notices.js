/** Short messages that say what has just been done, for eyes and screen readers alike. */

import { element } from "../dom.js";
import { icon } from "./icons.js";

const SHOWN_MILLISECONDS = 6000;

/** Shows `words` for a while. */
export function notify(words) {
  const notice = element("div", { class: "notice" }, icon("check"), words);
  document.getElementById("notices").replaceChildren(notice);
  setTimeout(() => notice.remove(), SHOWN_MILLISECONDS);
}

/** Takes away what is shown: it belongs to a page that is left. */
export function clearNotices() {
  document.getElementById("notices").replaceChildren();
}
