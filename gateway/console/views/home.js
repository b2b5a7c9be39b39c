/** The home page: the account's access and its end, redeeming a code, and the current official account. */

import { isAbort } from "../api.js";
import { element, every, fill } from "../dom.js";
import { t } from "../i18n.js";
import { moment, timeLeft } from "../time.js";
import { avatar } from "../widgets/avatar.js";
import { badge } from "../widgets/badges.js";
import { healthNotice } from "../widgets/health.js";
import { icon } from "../widgets/icons.js";
import { problemBox } from "../widgets/problem.js";
import { redeemCard } from "./redeem.js";

export function homeView(app, signal) {
  const above = element("div");
  const now = element("div", { class: "cards-part" });
  const draw = () => fill(now, access(app), currentCookie(app, signal));
  const read = async () => {
    const before = JSON.stringify(app.session.account);
    try {
      await app.refreshAccount();
      above.replaceChildren();
    } catch (error) {
      if (!signal.aborted) fill(above, problemBox(error, read));
      return;
    }
    if (!signal.aborted && JSON.stringify(app.session.account) !== before) draw();
  };
  draw();
  read();
  every(30_000, signal, () => now.querySelector("[data-until]")?.dispatchEvent(new Event("tick")));
  // The form is not redrawn with the rest, so that a code being typed is kept.
  const cards = element("div", { class: "cards" }, now, redeemCard(app, draw));
  return element("div", { class: "view" }, element("h1", {}, t("home.title")), above, cards);
}

function access(app) {
  const { activation_status: status, expired_time } = app.session.account;
  // An administrator's access has no end, whatever code the account has redeemed.
  const until = app.session.isAdmin ? undefined : expired_time;
  const isRunning = status === "active" && until;
  const left = element("p", { class: "figure", "data-until": isRunning && until });
  const label = () => {
    left.textContent = isRunning
      ? timeLeft(until) || t("status.expired")
      : t(app.session.isAdmin ? "home.admin_access" : `home.access_${status}`);
  };
  left.addEventListener("tick", label);
  label();
  return element(
    "section",
    { class: "card", "aria-label": t("home.access") },
    element(
      "div",
      { class: "card-head" },
      element("h2", {}, t("home.access")),
      app.session.isAdmin ? badge("role", "admin") : badge("status", status),
    ),
    isRunning && element("p", { class: "muted" }, t("home.time_left")),
    left,
    until &&
      element(
        "p",
        { class: "muted" },
        icon("clock"),
        t(isRunning ? "home.until" : "home.ended", { time: moment(until) }),
      ),
    !isRunning && app.session.needsCode && element("p", {}, t("home.needs_code")),
  );
}

function currentCookie(app, signal) {
  if (!app.session.isActive) return null;
  const body = element("div", { class: "current" }, element("p", { class: "muted" }, t("loading")));
  const card = element(
    "section",
    { class: "card", "aria-label": t("home.current") },
    element("div", { class: "card-head" }, element("h2", {}, t("home.current"))),
    body,
  );
  const read = async () => {
    try {
      const { items } = await app.api.get("/cookie/list", { signal });
      const cookie = items.find((one) => one.is_current);
      fill(body, ...(cookie ? current(app, cookie, signal) : none()));
    } catch (error) {
      if (!isAbort(error)) fill(body, problemBox(error, read));
    }
  };
  read();
  return card;
}

function current(app, cookie, signal) {
  return [
    element(
      "div",
      { class: "person" },
      avatar(app, cookie, signal),
      element(
        "div",
        {},
        element("p", { class: "person-name" }, cookie.name || t("cookies.no_name")),
        element("p", { class: "muted" }, t("cookies.left", { time: timeLeft(cookie.expire_time) })),
      ),
      badge("health", cookie.health),
    ),
    healthNotice(cookie),
    element(
      "p",
      {},
      element("a", { class: "button button-plain", href: "#/cookies" }, t("home.all_cookies")),
    ),
  ];
}

function none() {
  return [
    element("p", {}, t("home.no_cookie")),
    element("p", {}, element("a", { class: "button", href: "#/scan" }, icon("scan"), t("home.to_scan"))),
  ];
}
