/** The frame of every page: the name, the navigation, the language, the colours and signing out. */

import { element } from "./dom.js";
import { t } from "./i18n.js";
import { PAGES } from "./pages.js";
import { language, setTheme, theme } from "./preferences.js";
import { icon } from "./widgets/icons.js";

/** Returns the elements of the whole screen, with `content` as the main part. */
export function shell(app, page, content) {
  const isIn = app.session.account !== null && page.view !== undefined;
  const main = element("main", { id: "main", class: "main" }, content);
  const skip = element(
    "a",
    { class: "skip", href: "#main", on: { click: (event) => skipTo(event, main) } },
    t("shell.skip"),
  );
  return [skip, header(app, isIn), isIn && navigation(app, page), main];
}

function skipTo(event, main) {
  // The link must not change the URL's fragment, by which the router selects the page.
  event.preventDefault();
  main.setAttribute("tabindex", "-1");
  main.focus();
}

function header(app, isIn) {
  const account =
    isIn &&
    element("span", { class: "header-account", title: app.session.account.email }, app.session.account.email);
  const out =
    isIn &&
    element(
      "button",
      { type: "button", class: "tool", on: { click: () => app.session.end("signed_out") } },
      icon("out"),
      element("span", { class: "tool-words" }, t("shell.sign_out")),
    );
  return element(
    "header",
    { class: "header" },
    element("span", { class: "brand" }, icon("mark"), "FastMP"),
    element("span", { class: "spacer" }),
    account,
    languageSwitch(app),
    themeSwitch(),
    out,
  );
}

function languageSwitch(app) {
  const other = language() === "zh" ? "en" : "zh";
  const words = other === "en" ? "English" : "中文";
  const attributes = { type: "button", id: "language", class: "tool", lang: other === "en" ? "en" : "zh-CN" };
  return element(
    "button",
    { ...attributes, on: { click: () => app.changeLanguage(other) } },
    icon("language"),
    words,
  );
}

function themeSwitch() {
  const button = element("button", {
    type: "button",
    class: "tool",
    on: { click: () => choose(theme() === "dark" ? "light" : "dark") },
  });
  const choose = (chosen) => {
    setTheme(chosen);
    label();
  };
  const label = () => {
    const words = t(theme() === "dark" ? "shell.to_light" : "shell.to_dark");
    button.setAttribute("aria-label", words);
    button.setAttribute("title", words);
    button.replaceChildren(icon(theme() === "dark" ? "sun" : "moon"));
  };
  label();
  return button;
}

function navigation(app, current) {
  const link = (page) =>
    element(
      "li",
      {},
      element(
        "a",
        { class: "nav-link", href: `#/${page.name}`, "aria-current": page === current && "page" },
        icon(page.icon),
        element("span", {}, t(`nav.${page.name}`)),
      ),
    );
  const everyone = PAGES.filter((page) => !page.adminOnly);
  const admins = PAGES.filter((page) => page.adminOnly && app.session.isAdmin);
  return element(
    "nav",
    { class: "nav", "aria-label": t("shell.navigation") },
    element(
      "ul",
      {},
      ...everyone.map(link),
      admins.length > 0 && element("li", { class: "nav-title" }, t("shell.administration")),
      ...admins.map(link),
    ),
  );
}
