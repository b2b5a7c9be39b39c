/** The terms of codes and batches in tables. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { shownMoment } from "../widgets/moment.js";

/** Returns the days of a code or a batch, and whether they are added to what is left. */
export function days({ valid_days, days_from }) {
  return element(
    "span",
    { class: "whole-word" },
    days_from === "expiry" ? t("codes.days_added", { days: valid_days }) : String(valid_days),
  );
}

/** Returns the last moment to redeem a code or a batch; null without one. */
export function redeemBefore({ redeem_before: before }) {
  if (!before) return null;
  return element(
    "span",
    { class: "stack" },
    element("span", { class: "muted small" }, t("codes.redeem_before")),
    shownMoment(before),
  );
}
