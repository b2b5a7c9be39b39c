/** A table that becomes a list where it has too little space. */

import { element } from "../dom.js";

/** `columns` are {words, cell(item), isAction?}. Roles are explicit, because the tags lose theirs in the card layout. */
export function table(caption, columns, items) {
  const head = element(
    "tr",
    { role: "row" },
    ...columns.map(({ words, isAction }) =>
      element("th", { role: "columnheader", scope: "col", class: isAction && "cell-actions" }, words),
    ),
  );
  const row = (item) => element("tr", { role: "row" }, ...columns.map((column) => cell(column, item)));
  return element(
    "div",
    { class: "table-box" },
    element(
      "table",
      { role: "table", "aria-label": caption },
      element("thead", { role: "rowgroup" }, head),
      element("tbody", { role: "rowgroup" }, ...items.map(row)),
    ),
  );
}

function cell(column, item) {
  const words = column.isAction ? null : column.words;
  return element(
    "td",
    { role: "cell", class: column.isAction && "cell-actions", "data-label": words },
    column.cell(item),
  );
}
