/** A paginated list whose page has a number, so that one can jump to a page and find it again. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { loadedPage, PAGE_SIZE } from "./loaded-page.js";

/**
 * Returns an element with a page of the list at `path`, controls for the other pages, and `reload({page})`.
 *
 * `query()` gives its filters; `draw(items, total)` returns what to show. `page` is the first page to show; `turned(page)`
 * is called when the user goes to another one. A reload without a page shows the current one again.
 */
export function numberedList(app, signal, { path, query, draw, page, turned }) {
  let current = page;
  const { element: body, load } = loadedPage(signal, async (either) => {
    const answer = await app.api.get(path, {
      query: { ...query(), size: PAGE_SIZE, page: current },
      signal: either,
    });
    const pages = Math.max(1, Math.ceil(answer.total / PAGE_SIZE));
    if (current > pages) {
      current = pages;
      return null;
    }
    return [draw(answer.items, answer.total), pages > 1 && turning(pages)];
  });

  function turn(wanted, focusAfter) {
    current = wanted;
    turned(current);
    load(focusAfter);
  }

  function turning(pages) {
    const button = (kind, words, step, focusAfter) =>
      element(
        "button",
        {
          type: "button",
          class: `button button-plain pager-${kind}`,
          disabled: current + step < 1 || current + step > pages,
          on: { click: () => turn(current + step, focusAfter) },
        },
        words,
      );
    return element(
      "nav",
      { class: "pager", "aria-label": t("pager.label") },
      button("back", t("pager.back"), -1, ".pager-back:enabled, .pager-on"),
      element("span", { "aria-live": "polite" }, t("pager.where", { page: current, pages })),
      button("on", t("pager.on"), 1, ".pager-on:enabled, .pager-back"),
      jumping(pages),
    );
  }

  function jumping(pages) {
    const number = element("input", {
      type: "number",
      class: "pager-number",
      min: 1,
      max: pages,
      inputmode: "numeric",
      "aria-label": t("pager.number"),
    });
    const jump = (event) => {
      event.preventDefault();
      const wanted = Math.round(Number(number.value));
      if (wanted >= 1) turn(Math.min(wanted, pages), ".pager-number");
    };
    return element(
      "form",
      { class: "pager-jump", novalidate: true, on: { submit: jump } },
      number,
      element("button", { type: "submit", class: "button button-plain" }, t("pager.jump")),
    );
  }

  load();
  return {
    element: body,
    reload: ({ page: wanted } = {}) => {
      if (wanted) current = wanted;
      return load();
    },
  };
}
