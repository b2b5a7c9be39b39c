/** The list of the official accounts that are logged in. */

import { isAbort } from "../api.js";
import { element, every, fill, focusOn } from "../dom.js";
import { t } from "../i18n.js";
import { millisecondsLeft, moment, timeLeft } from "../time.js";
import { avatar } from "../widgets/avatar.js";
import { badge } from "../widgets/badges.js";
import { confirm } from "../widgets/dialogs.js";
import { healthNotice } from "../widgets/health.js";
import { icon } from "../widgets/icons.js";
import { notify } from "../widgets/notices.js";
import { problemBox } from "../widgets/problem.js";
import { redeemLink } from "../widgets/redeem-link.js";

const MINUTE_MILLISECONDS = 60_000;

export function cookiesView(app, signal) {
  const heading = element("h1", {}, t("cookies.title"));
  const list = element("ul", { class: "cookies", "aria-label": t("cookies.title") });
  const body = element("div", {}, element("p", { class: "muted" }, t("loading")));

  async function read(focusToken) {
    try {
      const { items } = await app.api.get("/cookie/list", { signal });
      fill(list, ...items.map((cookie) => card(app, signal, cookie, read)));
      fill(body, items.length ? list : empty(app));
      if (focusToken !== undefined) focusOn(document.getElementById(`cookie-${focusToken}`) ?? heading);
    } catch (error) {
      if (isAbort(error)) return;
      fill(body, error.status === 403 ? empty(app) : problemBox(error, () => read()));
    }
  }

  read();
  every(MINUTE_MILLISECONDS, signal, () => {
    for (const one of list.querySelectorAll(".cookie-left")) one.dispatchEvent(new Event("tick"));
  });
  return element(
    "div",
    { class: "view" },
    element("div", { class: "view-head" }, heading, toScan(app)),
    body,
  );
}

function toScan(app) {
  return (
    app.session.isActive && element("a", { class: "button", href: "#/scan" }, icon("plus"), t("cookies.add"))
  );
}

function empty(app) {
  return element(
    "section",
    { class: "card empty" },
    icon("cookies"),
    element("h2", {}, t(app.session.isActive ? "cookies.none" : "scan.needs_activation")),
    element("p", { class: "muted" }, t(app.session.isActive ? "cookies.none_next" : "home.needs_code")),
    app.session.needsCode && element("p", {}, redeemLink()),
  );
}

function card(app, signal, cookie, read) {
  const name = cookie.name || t("cookies.no_name");
  const use = element(
    "button",
    { type: "button", class: "button button-plain", "aria-label": t("cookies.use_name", { name }) },
    t("cookies.use"),
  );
  const drop = element(
    "button",
    {
      type: "button",
      class: "button button-plain button-drop",
      "aria-label": t("cookies.delete_name", { name }),
    },
    t("action.delete"),
  );
  const problem = element("div", { class: "cookie-problem" });
  use.addEventListener("click", async () => {
    use.disabled = true;
    try {
      await app.api.post("/cookie/change", { token: cookie.token });
      notify(t("cookies.now_current", { name }));
      await read(cookie.token);
    } catch (error) {
      fill(problem, problemBox(error));
      use.disabled = false;
    }
  });
  drop.addEventListener("click", () =>
    confirm({
      title: t("cookies.delete_title"),
      text: t("cookies.delete_text", { name }),
      agree: t("action.delete"),
      act: async () => {
        await app.api.post("/cookie/delete", { token: cookie.token });
        notify(t("cookies.deleted", { name }));
        // After the dialog has closed, which returns the focus to a button that was removed.
        setTimeout(() => read(""));
      },
    }),
  );
  return element(
    "li",
    { class: "card cookie", id: `cookie-${cookie.token}`, "data-current": cookie.is_current },
    element(
      "div",
      { class: "person" },
      avatar(app, cookie, signal),
      element(
        "div",
        { class: "person-words" },
        element("h2", { class: "person-name" }, name),
        element(
          "p",
          { class: "badges" },
          cookie.is_current && element("span", { class: "badge badge-accent" }, t("cookies.current")),
          badge("health", cookie.health),
        ),
      ),
    ),
    left(cookie),
    problem,
    element("div", { class: "buttons" }, drop, !cookie.is_current && use),
  );
}

function left(cookie) {
  const words = element("p", { class: "cookie-left" });
  const whole = Date.parse(cookie.expire_time) - Date.parse(cookie.created_time);
  const bar = element("progress", { max: whole, "aria-hidden": "true" });
  const tick = () => {
    const time = timeLeft(cookie.expire_time);
    words.textContent = time ? t("cookies.left", { time }) : t("cookies.over");
    bar.value = millisecondsLeft(cookie.expire_time);
  };
  words.addEventListener("tick", tick);
  tick();
  return element(
    "div",
    { class: "cookie-time" },
    healthNotice(cookie),
    words,
    bar,
    element("p", { class: "small muted" }, t("cookies.until", { time: moment(cookie.expire_time) })),
  );
}
