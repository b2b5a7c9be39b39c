/** For administrators: activation codes. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { badge } from "../widgets/badges.js";
import { copy } from "../widgets/clipboard.js";
import { confirm } from "../widgets/dialogs.js";
import { saveFile } from "../widgets/download.js";
import { filters } from "../widgets/filters.js";
import { field } from "../widgets/forms.js";
import { icon } from "../widgets/icons.js";
import { shownMoment } from "../widgets/moment.js";
import { notify } from "../widgets/notices.js";
import { pagedList } from "../widgets/pager.js";
import { problemBox } from "../widgets/problem.js";
import { table } from "../widgets/table.js";
import { choices, STATUSES } from "./choices.js";
import { generateCodes } from "./generate-codes.js";

export function codesView(app, signal) {
  const search = filters(
    t("codes.search"),
    [
      field({ name: "email", type: "search", label: t("codes.by_email"), maxlength: 254 }),
      field({ name: "status", label: t("users.status"), options: choices("code_status", STATUSES, true) }),
    ],
    () => list.reload(),
  );
  const changed = () => list.reload({ stay: true });
  const list = pagedList(app, signal, {
    path: () => "/activation/list",
    query: () => search.values(),
    draw: (items, total) =>
      items.length
        ? codes(app, items, total, changed)
        : element("p", { class: "card empty muted" }, t("codes.none")),
  });
  const problem = element("div");
  const generate = element(
    "button",
    { type: "button", class: "button", on: { click: () => generateCodes(app, () => list.reload()) } },
    icon("plus"),
    t("codes.generate"),
  );
  return element(
    "div",
    { class: "view view-wide" },
    element(
      "div",
      { class: "view-head" },
      element("h1", {}, t("codes.title")),
      element("div", { class: "buttons" }, exporting(app, search, problem), generate),
    ),
    problem,
    search.element,
    list.element,
  );
}

function exporting(app, search, problem) {
  const button = element(
    "button",
    { type: "button", class: "button button-plain" },
    icon("download"),
    t("codes.export"),
  );
  button.addEventListener("click", async () => {
    button.disabled = true;
    problem.replaceChildren();
    try {
      saveFile(await app.api.blob("/activation/export", { query: search.values() }), "activation_codes.csv");
      notify(t("codes.exported"));
    } catch (error) {
      problem.replaceChildren(problemBox(error));
    }
    button.disabled = false;
  });
  return button;
}

function codes(app, items, total, changed) {
  const columns = [
    { words: t("codes.code"), cell: (code) => copyable(code.activation_code) },
    { words: t("codes.days"), cell: (code) => String(code.valid_days) },
    { words: t("users.status"), cell: (code) => badge("code_status", code.activation_status) },
    { words: t("codes.user"), cell: (code) => element("span", { class: "break" }, code.user_email || "–") },
    { words: t("codes.until"), cell: (code) => shownMoment(code.expiry_date) },
    { words: t("table.actions"), isAction: true, cell: (code) => revoking(app, code, changed) },
  ];
  return element(
    "section",
    { class: "card card-table" },
    element("p", { class: "muted total" }, t("codes.total", { total })),
    table(t("codes.title"), columns, items),
  );
}

function copyable(code) {
  return element(
    "span",
    { class: "copyable" },
    element("code", {}, code),
    element(
      "button",
      {
        type: "button",
        class: "icon-button",
        title: t("copy.code"),
        "aria-label": t("copy.this_code", { code: code.slice(0, 6) }),
        on: { click: () => copy(code) },
      },
      icon("copy"),
    ),
  );
}

function revoking(app, code, changed) {
  if (code.activation_status === "revoked") return null;
  const ask = () =>
    confirm({
      title: t("codes.revoke_title"),
      text: t(code.user_email ? "codes.revoke_used_text" : "codes.revoke_text", {
        code: `${code.activation_code.slice(0, 8)}…`,
      }),
      agree: t("codes.revoke"),
      act: async () => {
        await app.api.post("/activation/revoke", { activation_code: code.activation_code });
        notify(t("codes.revoked"));
        changed();
      },
    });
  const label = t("codes.revoke_code", { code: code.activation_code.slice(0, 6) });
  return element(
    "div",
    { class: "buttons" },
    element(
      "button",
      {
        type: "button",
        class: "button button-small button-plain button-drop",
        "aria-label": label,
        on: { click: ask },
      },
      t("codes.revoke"),
    ),
  );
}
