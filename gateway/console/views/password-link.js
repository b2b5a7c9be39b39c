/** For administrators: the dialog that creates a password link for an account, to be copied and passed on. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { moment } from "../time.js";
import { copy } from "../widgets/clipboard.js";
import { openDialog } from "../widgets/dialogs.js";
import { field, form } from "../widgets/forms.js";

export function passwordLink(app, user) {
  openDialog(t("password_link.title"), (close) => {
    const closing = element(
      "button",
      { type: "button", class: "button button-plain", on: { click: close } },
      t("action.close"),
    );
    const body = element("div", { class: "form" });
    const act = async () => {
      const link = await app.api.post(`/admin/users/${encodeURIComponent(user.id)}/password-link`);
      body.replaceChildren(...made(link, closing));
      body.querySelector("input").focus();
    };
    body.append(
      element("p", {}, t("password_link.what", { email: user.email })),
      form({ fields: [], submit: t("password_link.create"), extra: [closing], act }),
    );
    return body;
  });
}

function made(link, closing) {
  // Without PUBLIC_URL the link is relative to the gateway.
  const url = new URL(link.url, location.origin).href;
  const words = field({ name: "url", label: t("password_link.link"), value: url, readonly: true });
  const input = words.querySelector("input");
  input.addEventListener("focus", () => input.select());
  return [
    element("p", {}, t("password_link.pass_on", { time: moment(link.expire_time) })),
    words,
    element(
      "div",
      { class: "buttons" },
      closing,
      element(
        "button",
        { type: "button", class: "button", on: { click: () => copy(url) } },
        t("password_link.copy"),
      ),
    ),
  ];
}
