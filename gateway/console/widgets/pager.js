/** A list that comes in pages, by the contract's page tokens. */

import { isAbort } from "../api.js";
import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { problemBox } from "./problem.js";

const SIZE = 20;

/**
 * An element with the first page of a list, ways to the others, and `reload()`.
 *
 * `path()` and `query()` give the list and its filters; `draw(items, total)` returns what to show, where `total` is
 * undefined for a list that does not count. A reload starts at the first page, with `{stay: true}` it reads the
 * present one again.
 */
export function pagedList(app, signal, { path, query, draw }) {
  const body = element("div", { class: "paged", "aria-live": "off" });
  // The tokens that led to the present page; the first page needs none.
  let tokens = [""];
  let running = new AbortController();

  async function load(focusAfter) {
    running.abort();
    const here = (running = new AbortController());
    body.setAttribute("aria-busy", "true");
    try {
      const either = AbortSignal.any([signal, here.signal]);
      const answer = await app.api.get(path(), {
        query: { ...query(), size: SIZE, page_token: tokens.at(-1) },
        signal: either,
      });
      if (answer.items.length === 0 && tokens.length > 1) {
        tokens.pop();
        return load(focusAfter);
      }
      fill(body, draw(answer.items, answer.total), turning(answer));
      if (focusAfter) body.querySelector(focusAfter)?.focus();
    } catch (error) {
      if (isAbort(error)) return undefined;
      fill(
        body,
        problemBox(error, () => load()),
      );
    }
    body.removeAttribute("aria-busy");
    return undefined;
  }

  function turning({ total, next_page_token: next }) {
    if (!next && tokens.length === 1) return null;
    const page = tokens.length;
    const where =
      total === undefined
        ? t("pager.page", { page })
        : t("pager.where", { page, pages: Math.max(1, Math.ceil(total / SIZE)) });
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
