/** An error shown on the page: what happened, what to do next, and a button to try again. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { wordsForError } from "../problems.js";
import { icon } from "./icons.js";
import { isWithoutAccess, redeemLink } from "./redeem-link.js";

/** Returns an alert for `error`; with `again`, it has a button that calls it. */
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
      isWithoutAccess(error.reason) && redeemLink(),
      again &&
        !isWithoutAccess(error.reason) &&
        element(
          "button",
          { type: "button", class: "button button-plain", on: { click: again } },
          t("action.retry"),
        ),
    ),
  );
}
