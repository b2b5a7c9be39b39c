/** The way from anywhere to redeeming an activation code, for accounts without access. */

import { element } from "../dom.js";
import { t } from "../i18n.js";

/** Returns a link to the form for activation codes. */
export function redeemLink() {
  return element("a", { class: "button", href: "#/home" }, t("scan.to_redeem"));
}

/** Whether `reason` is that the account has no access, which a code gives. */
export function isWithoutAccess(reason) {
  return reason === "ACCOUNT_NOT_ACTIVATED" || reason === "ACTIVATION_EXPIRED";
}
