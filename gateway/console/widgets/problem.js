/** A refusal on the page: what happened, what to do next, and a way to do it. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { wordsForError } from "../problems.js";
import { icon } from "./icons.js";

/** An alert for `error`; with `again`, a button that tries once more. */
export function problemBox(error, again) {
  const words = wordsForError(error);
  const isFault = (error.status ?? 500) >= 500;
  return element(
    "div",
    { class: "problem", role: "alert" },
    icon("warning"),
    element(
      "div",
      {},
      element("p", { class: "problem-text" }, words.text),
      words.next && element("p", {}, words.next),
      isFault &&
        error.requestId &&
        element("p", { class: "small muted" }, t("problem.request_id", { id: error.requestId })),
      again &&
        element(
          "button",
          { type: "button", class: "button button-plain", on: { click: again } },
          t("action.retry"),
        ),
    ),
  );
}
