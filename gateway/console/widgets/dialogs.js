/** Native dialogs: they hold the focus, close with Escape, and give the focus back. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { problemBox } from "./problem.js";

let made = 0;

/** Opens a dialog with `title` and what `build(close)` returns. `close` is safe to call twice. */
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

/** Closes whatever is open. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

/**
 * Asks before something that cannot be undone. `act` runs when the person agrees; the dialog stays open, with the
 * problem in it, when that fails.
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
