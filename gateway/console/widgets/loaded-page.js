/** The element of a list that shows one page at a time: loading, loaded, or with the problem. */

import { isAbort } from "../api.js";
import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { problemBox } from "./problem.js";

export const PAGE_SIZE = 20;

/**
 * Returns the element, and `load(focusAfter)`, which shows what `page(signal)` returns: the element's children.
 *
 * `page` may return null, which means that it has to be called again. Another load() aborts the one before.
 * `focusAfter` is the selector of the control that gets the focus then.
 */
export function loadedPage(signal, page) {
  const body = element(
    "div",
    { class: "paged", "aria-live": "off" },
    element("p", { class: "muted" }, t("loading")),
  );
  let running = new AbortController();

  async function load(focusAfter) {
    running.abort();
    const here = (running = new AbortController());
    body.setAttribute("aria-busy", "true");
    try {
      const children = await page(AbortSignal.any([signal, here.signal]));
      if (children === null) return load(focusAfter);
      fill(body, ...children);
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

  return { element: body, load };
}
