/** A paginated list, by the contract's page tokens. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { loadedPage, PAGE_SIZE } from "./loaded-page.js";

/**
 * Returns an element with the first page of a list, controls for the other pages, and `reload()`.
 *
 * `path()` gives the list and `query(signal)` its filters, or null if nothing can match them; `draw(items, total)`
 * returns what to show, where `total` is undefined for a list without a total. A reload starts at the first page; with
 * `{stay: true}` it reloads the current page.
 */
export function pagedList(app, signal, { path, query, draw }) {
  // The tokens of the pages up to the current one; the first page needs none.
  let tokens = [""];
  const { element: body, load } = loadedPage(signal, async (either) => {
    const wanted = await query(either);
    const answer = wanted
      ? await app.api.get(path(), {
          query: { ...wanted, size: PAGE_SIZE, page_token: tokens.at(-1) },
          signal: either,
        })
      : { items: [], total: 0 };
    if (answer.items.length === 0 && tokens.length > 1) {
      tokens.pop();
      return null;
    }
    return [draw(answer.items, answer.total), turning(answer)];
  });

  function turning({ total, next_page_token: next }) {
    if (!next && tokens.length === 1) return null;
    const page = tokens.length;
    const where =
      total === undefined
        ? t("pager.page", { page })
        : t("pager.where", { page, pages: Math.max(1, Math.ceil(total / PAGE_SIZE)) });
    const back = () => {
      tokens.pop();
      load(".pager-back:enabled, .pager-on");
    };
    const on = () => {
      tokens.push(next);
      load(".pager-on:enabled, .pager-back");
    };
    return element(
      "nav",
      { class: "pager", "aria-label": t("pager.label") },
      element(
        "button",
        {
          type: "button",
          class: "button button-plain pager-back",
          disabled: tokens.length === 1,
          on: { click: back },
        },
        t("pager.back"),
      ),
      element("span", { "aria-live": "polite" }, where),
      element(
        "button",
        { type: "button", class: "button button-plain pager-on", disabled: !next, on: { click: on } },
        t("pager.on"),
      ),
    );
  }

  load();
  return {
    element: body,
    reload: ({ stay = false } = {}) => {
      if (!stay) tokens = [""];
      return load();
    },
  };
}
