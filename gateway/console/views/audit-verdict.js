/** Verifies an audit log and shows the result. */

import { isAbort } from "../api.js";
import { element, fill, focusOn } from "../dom.js";
import { t } from "../i18n.js";
import { icon } from "../widgets/icons.js";
import { problemBox } from "../widgets/problem.js";

/** Returns a `button` that verifies the log at `path()`, the `verdict` element it fills, and `clear()`, which empties it. */
export function verifying(app, signal, path) {
  const verdict = element("div");
  const button = element(
    "button",
    { type: "button", class: "button button-plain" },
    icon("shield"),
    t("audit.verify"),
  );
  let running = new AbortController();

  async function verify() {
    running.abort();
    running = new AbortController();
    button.disabled = true;
    try {
      const found = await check(app, path(), AbortSignal.any([signal, running.signal]));
      fill(verdict, words(found));
    } catch (error) {
      if (!isAbort(error)) fill(verdict, problemBox(error));
    }
    button.disabled = false;
    if (verdict.firstChild) focusOn(verdict.firstChild);
  }

  button.addEventListener("click", verify);
  const clear = () => {
    running.abort();
    fill(verdict);
  };
  return { button, verdict, clear };
}

/** Returns the verdict on the whole log. Each call verifies a bounded number of entries, from where the last one ended. */
async function check(app, path, signal) {
  let checked = 0;
  let after = "";
  for (;;) {
    const query = { after_position: after };
    const found = await app.api.get(`${path}/verify`, { query, signal });
    checked += found.checked;
    if (!found.intact || found.complete) return { ...found, checked };
    after = found.position;
  }
}

function words(found) {
  if (!found.intact) {
    return element(
      "div",
      { class: "problem", role: "alert" },
      icon("warning"),
      element(
        "div",
        {},
        element(
          "p",
          { class: "problem-text" },
          t(`audit_broken.${found.broken_reason}`, { position: found.broken_position }),
        ),
        element("p", {}, t("audit.broken_next")),
      ),
    );
  }
  const said = found.checked ? t("audit.whole", { count: found.checked }) : t("audit.nothing_to_verify");
  return element("p", { class: "banner", role: "status" }, said);
}
