/** What is the matter with an official account's login, and what to do next. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { moment } from "../time.js";

/** Returns nothing to show for a login that works. The sentence comes from the service, in the console's language. */
export function healthNotice(cookie) {
  if (cookie.health === "ok" || !cookie.health_message) return null;
  const isDead = cookie.health === "dead";
  const time = isDead ? cookie.health_time : cookie.cooling_until;
  return element(
    "div",
    { class: "cookie-health" },
    element("p", {}, cookie.health_message),
    time &&
      element(
        "p",
        { class: "small muted" },
        t(isDead ? "health.since" : "health.until", { time: moment(time) }),
      ),
    isDead &&
      element("p", {}, element("a", { class: "button", href: "#/scan" }, t("cookies.scan_again"))),
  );
}
