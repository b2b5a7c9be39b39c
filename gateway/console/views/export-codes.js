/** For administrators: the button that saves activation codes as a CSV file. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { saveFile } from "../widgets/download.js";
import { icon } from "../widgets/icons.js";
import { notify } from "../widgets/notices.js";
import { problemBox } from "../widgets/problem.js";

/** Returns the button for the codes that match `query()`. An error is shown in the element `problem`. */
export function exportButton(app, query, problem, { isSmall = false } = {}) {
  const button = element(
    "button",
    { type: "button", class: `button button-plain${isSmall ? " button-small" : ""}` },
    !isSmall && icon("download"),
    t(isSmall ? "batches.export" : "codes.export"),
  );
  button.addEventListener("click", async () => {
    button.disabled = true;
    problem.replaceChildren();
    try {
      saveFile(await app.api.blob("/activation/export", { query: query() }), "activation_codes.csv");
      notify(t("codes.exported"));
    } catch (error) {
      problem.replaceChildren(problemBox(error));
    }
    button.disabled = false;
  });
  return button;
}
