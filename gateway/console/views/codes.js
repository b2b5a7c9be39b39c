/** For administrators: activation codes. The filters and the page are in the URL. */

import { addressOf, addressValues, remember } from "../address.js";
import { element } from "../dom.js";
import { t } from "../i18n.js";
import { badge } from "../widgets/badges.js";
import { copy } from "../widgets/clipboard.js";
import { confirm } from "../widgets/dialogs.js";
import { filters } from "../widgets/filters.js";
import { field } from "../widgets/forms.js";
import { icon } from "../widgets/icons.js";
import { shownMoment } from "../widgets/moment.js";
import { notify } from "../widgets/notices.js";
import { numberedList } from "../widgets/numbered-list.js";
import { table } from "../widgets/table.js";
import { choices, STATUSES } from "./choices.js";
import { batchesView } from "./code-batches.js";
import { days, redeemBefore } from "./code-terms.js";
import { exportButton } from "./export-codes.js";
import { generateCodes } from "./generate-codes.js";

const PAGE = "codes";
const SHORTEST_PART = 4;

export function codesView(app, signal) {
  const address = addressValues();
  if (address.view === "batches") return batchesView(app, signal);
  const search = filters(
    t("codes.search"),
    [
      field({
        name: "email",
        type: "search",
        label: t("codes.by_email"),
        value: address.email,
        maxlength: 254,
      }),
      field({
        name: "code",
        type: "search",
        label: t("codes.by_code"),
        placeholder: t("codes.by_code_hint"),
        value: address.code,
        maxlength: 64,
      }),
      field({
        name: "status",
        label: t("users.status"),
        options: choices("code_status", STATUSES, true),
        value: address.status,
      }),
    ],
    () => {
      remember(PAGE, query());
      list.reload({ page: 1 });
    },
  );
  const query = () => {
    const values = { ...search.values(), batch_id: address.batch_id };
    // The gateway refuses shorter ones, which are still being typed.
    if (values.code?.length < SHORTEST_PART) delete values.code;
    return values;
  };
  const list = numberedList(app, signal, {
    path: "/activation/list",
    query,
    page: Math.max(1, Math.floor(Number(address.page)) || 1),
    turned: (page) => remember(PAGE, { ...query(), page: page > 1 && String(page) }),
    draw: (items, total) =>
      items.length
        ? codes(app, items, total, () => list.reload())
        : element("p", { class: "card empty muted" }, t("codes.none")),
  });
  const problem = element("div");
  const generate = element(
    "button",
    {
      type: "button",
      class: "button",
      on: { click: () => generateCodes(app, () => list.reload({ page: 1 })) },
    },
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
      element(
        "div",
        { class: "buttons" },
        element(
          "a",
          { class: "button button-plain", href: addressOf(PAGE, { view: "batches" }) },
          t("batches.title"),
        ),
        exportButton(app, query, problem),
        generate,
      ),
    ),
    problem,
    address.batch_id &&
      element(
        "p",
        { class: "muted" },
        t("codes.of_batch", { batch: address.batch_id.slice(0, 8) }),
        " ",
        element("a", { class: "link", href: addressOf(PAGE, {}) }, t("codes.of_all")),
      ),
    search.element,
    list.element,
  );
}

function codes(app, items, total, changed) {
  const columns = [
    { words: t("codes.code"), cell: (code) => copyable(code.activation_code) },
    { words: t("codes.days"), cell: days },
    { words: t("users.status"), cell: (code) => badge("code_status", code.activation_status) },
    { words: t("codes.batch"), cell: batchLink },
    { words: t("codes.user"), cell: (code) => element("span", { class: "break" }, code.user_email || "–") },
    { words: t("codes.until"), cell: until },
    { words: t("table.actions"), isAction: true, cell: (code) => revoking(app, code, changed) },
  ];
  return element(
    "section",
    { class: "card card-table" },
    element("p", { class: "muted total" }, t("codes.total", { total })),
    table(t("codes.title"), columns, items),
  );
}

function until(code) {
  return code.expiry_date ? shownMoment(code.expiry_date) : (redeemBefore(code) ?? "–");
}

function batchLink(code) {
  if (!code.batch_id) return "–";
  const words = code.note || code.batch_id.slice(0, 8);
  return element(
    "a",
    { class: "link-in-table", href: addressOf(PAGE, { batch_id: code.batch_id }) },
    words.length > 40 ? `${words.slice(0, 40)}…` : words,
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
