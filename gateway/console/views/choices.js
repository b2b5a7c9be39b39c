/** The contract's enumerations as choices in forms. */

import { t } from "../i18n.js";

export const ROLES = ["user", "admin"];
export const DAYS_FROM = ["now", "expiry"];
export const STATUSES = ["pending", "active", "expired", "revoked"];

/** Returns [value, words] pairs; with `any`, the first one stands for all values. */
export function choices(kind, values, any = false) {
  const pairs = values.map((value) => [value, t(`${kind}.${value}`)]);
  return any ? [["", t("filter.any")], ...pairs] : pairs;
}
