/** For administrators: the batches of activation codes, with the number of codes in each state. */

import { addressOf } from "../address.js";
import { element } from "../dom.js";
import { t } from "../i18n.js";
import { confirm } from "../widgets/dialogs.js";
import { shownMoment } from "../widgets/moment.js";
import { notify } from "../widgets/notices.js";
import { pagedList } from "../widgets/pager.js";
import { table } from "../widgets/table.js";
import { days, redeemBefore } from "./code-terms.js";
import { exportButton } from "./export-codes.js";

const STATES = ["pending", "active", "expired", "revoked"];

export function batchesView(app, signal) {
  const problem = element("div");
  const list = pagedList(app, signal, {
    path: () => "/activation/batches",
    query: () => ({}),
    draw: (items) =>
      items.length
        ? batches(app, items, problem, () => list.reload({ stay: true }))
        : element("p", { class: "card empty muted" }, t("batches.none")),
  });
  return element(
    "div",
    { class: "view view-wide" },
    element(
      "div",
      { class: "view-head" },
      element("h1", {}, t("batches.title")),
      element("a", { class: "button button-plain", href: addressOf("codes", {}) }, t("codes.of_all")),
    ),
    problem,
    list.element,
  );
}

function batches(app, items, problem, changed) {
  const columns = [
    { words: t("batches.batch"), cell: name },
    { words: t("codes.days"), cell: days },
    { words: t("codes.count"), cell: counts },
    { words: t("batches.made"), cell: made },
    { words: t("table.actions"), isAction: true, cell: (batch) => actions(app, batch, problem, changed) },
  ];
  return element("section", { class: "card card-table" }, table(t("batches.title"), columns, items));
}

function name(batch) {
  return element(
    "span",
    { class: "stack" },
    element(
      "a",
      { class: "break", href: addressOf("codes", { batch_id: batch.batch_id }) },
      batch.note || batch.batch_id.slice(0, 8),
    ),
    redeemBefore(batch),
  );
}

function counts(batch) {
  const found = STATES.filter((state) => batch[state] > 0);
  return element(
    "span",
    { class: "stack" },
    ...found.map((state) =>
      element("span", { class: "whole-word" }, `${t(`code_status.${state}`)} ${batch[state]}`),
    ),
  );
}

function made(batch) {
  return element(
    "span",
    { class: "stack" },
    shownMoment(batch.create_time),
    element("span", { class: "muted small break" }, batch.created_by),
  );
}

function actions(app, batch, problem, changed) {
  const ask = () =>
    confirm({
      title: t("batches.revoke_title"),
      text: t("batches.revoke_text", { count: batch.pending }),
      agree: t("codes.revoke"),
      act: async () => {
        await app.api.post("/activation/batches/revoke", { batch_id: batch.batch_id });
        notify(t("batches.revoked"));
        changed();
      },
    });
  return element(
    "div",
    { class: "buttons" },
    exportButton(app, () => ({ batch_id: batch.batch_id }), problem, { isSmall: true }),
    batch.pending > 0 &&
      element(
        "button",
        {
          type: "button",
          class: "button button-small button-plain button-drop",
          "aria-label": t("batches.revoke", { batch: batch.note || batch.batch_id.slice(0, 8) }),
          on: { click: ask },
        },
        t("codes.revoke"),
      ),
  );
}
