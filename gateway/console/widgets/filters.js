/** A row of filters above a list, applied while the user types and chooses. */

import { element } from "../dom.js";

const TYPING_MILLISECONDS = 300;

/** Returns a row of `fields` (from `field`) that calls `changed` soon after each change; `values()` omits empty ones. */
export function filters(label, fields, changed) {
  let timer;
  const row = element("form", { class: "filters", role: "search", "aria-label": label }, ...fields);
  row.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(changed, TYPING_MILLISECONDS);
  });
  row.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    changed();
  });
  const values = () =>
    Object.fromEntries(
      [...new FormData(row)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value),
    );
  return { element: row, values };
}
