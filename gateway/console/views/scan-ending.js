/** The end of a login: the official account, or the reason for the failure and what to do next. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { wordsFor } from "../problems.js";
import { moment } from "../time.js";
import { avatar } from "../widgets/avatar.js";
import { icon } from "../widgets/icons.js";
import { isWithoutAccess, redeemLink } from "../widgets/redeem-link.js";

/** Returns the element. `again` starts another login. */
export function ended(app, signal, state, again) {
  return state.ending === "success"
    ? succeeded(app, signal, state.cookie, again)
    : failed(state.failure, again);
}

function succeeded(app, signal, cookie, again) {
  return element(
    "section",
    { class: "card ending ending-good" },
    cookie ? avatar(app, cookie, signal) : icon("check"),
    element("h2", {}, t("scan.succeeded", { name: cookie?.name || t("cookies.no_name") })),
    cookie && element("p", { class: "muted" }, t("scan.until", { time: moment(cookie.expire_time) })),
    element(
      "div",
      { class: "buttons" },
      element(
        "button",
        { type: "button", class: "button button-plain", on: { click: again } },
        t("scan.another"),
      ),
      element("a", { class: "button", href: "#/cookies" }, t("scan.to_cookies")),
    ),
  );
}

function failed({ reason, message, retryable }, again) {
  const words = wordsFor(reason, message);
  const style = retryable ? "button" : "button button-plain";
  return element(
    "section",
    { class: "card ending ending-bad" },
    icon(reason === "CANCELLED" ? "cross" : "warning"),
    element("h2", {}, words.text),
    words.next && element("p", {}, element("strong", {}, t("scan.next")), words.next),
    element(
      "div",
      { class: "buttons" },
      isWithoutAccess(reason)
        ? redeemLink()
        : element("button", { type: "button", class: style, on: { click: again } }, t("scan.again")),
    ),
  );
}
