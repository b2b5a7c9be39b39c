/** The closed sets of values of the contract, as choices in forms. */

import { t } from "../i18n.js";

export const ROLES = ["user", "admin"];
export const STATUSES = ["pending", "active", "expired", "revoked"];

/** [value, words] pairs; with `any`, a first one that means all of them. */
export function choices(kind, values, any = false) {
  const pairs = values.map((value) => [value, t(`${kind}.${value}`)]);
  return any ? [["", t("filter.any")], ...pairs] : pairs;
}
