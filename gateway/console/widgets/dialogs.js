/** Native dialogs, which keep the focus inside, close with Escape, and return the focus. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { problemBox } from "./problem.js";

let made = 0;

/** Opens a dialog with `title` and the content that `build(close)` returns. `close` is idempotent. */
export function openDialog(title, build) {
  made += 1;
  const id = `dialog-${made}`;
  const dialog = element("dialog", { class: "dialog", "aria-labelledby": id });
  const close = () => dialog.close();
  dialog.append(element("h2", { id }, title), ...[build(close)].flat());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Closes all open dialogs. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

/**
 * Asks for confirmation of an action that cannot be undone. `act` runs when the user confirms; if it fails, the dialog
 * stays open and shows the error.
 */
export function confirm({ title, text, agree, act }) {
  openDialog(title, (close) => {
    const problem = element("div");
    const no = element(
      "button",
      { type: "button", class: "button button-plain", on: { click: close } },
      t("action.cancel"),
    );
    const yes = element("button", { type: "button", class: "button button-danger" }, agree);
    yes.addEventListener("click", async () => {
      yes.disabled = true;
      try {
        await act();
        close();
      } catch (error) {
        problem.replaceChildren(problemBox(error));
        yes.disabled = false;
      }
    });
    return [element("p", {}, text), problem, element("div", { class: "buttons" }, no, yes)];
  });
}
