/** The user's own account: changing the password and signing out. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { badge } from "../widgets/badges.js";
import { confirm } from "../widgets/dialogs.js";
import { emailField, field, form } from "../widgets/forms.js";
import { newPasswordFields } from "../widgets/new-password.js";
import { notify } from "../widgets/notices.js";
import { redeemLink } from "../widgets/redeem-link.js";
import { secondFactorCard } from "./second-factor.js";

export function profileView(app, signal) {
  const { email, role, activation_status: status } = app.session.account;
  return element(
    "div",
    { class: "view view-narrow" },
    element("h1", {}, t("profile.title")),
    element(
      "section",
      { class: "card", "aria-label": t("profile.account") },
      element("p", { class: "person-name break" }, email),
      element("p", { class: "badges" }, badge("role", role), badge("status", role === "admin" ? "unlimited" : status)),
      app.session.needsCode && element("p", {}, redeemLink()),
    ),
    passwordCard(app),
    secondFactorCard(app, signal),
    leaving(app),
  );
}

function passwordCard(app) {
  const password = { type: "password", required: true, maxlength: 128 };
  const fields = [
    emailField({
      autocomplete: "username",
      readonly: true,
      value: app.session.account.email,
    }),
    field({
      name: "old_password",
      label: t("profile.old_password"),
      autocomplete: "current-password",
      ...password,
    }),
    ...newPasswordFields({ name: "new_password", label: t("profile.new_password") }),
  ];
  const act = async ({ email, old_password, new_password }, made) => {
    const remember = app.session.isRemembered;
    await app.api.post("/auth/password", { old_password, new_password });
    if (app.session.account.has_second_factor) return app.session.end("password_set");
    // Changing the password has revoked all tokens, including that of this tab.
    const { access_token: token } = await app.api.post("/auth/login", { email, password: new_password });
    app.session.begin(token, remember);
    made.reset();
    return notify(t("profile.password_changed"));
  };
  return element(
    "section",
    { class: "card", "aria-label": t("profile.change_password") },
    element("h2", {}, t("profile.change_password")),
    element("p", { class: "muted" }, t("profile.change_hint")),
    form({ fields, submit: t("profile.change_password"), act }),
  );
}

function leaving(app) {
  const everywhere = () =>
    confirm({
      title: t("profile.out_everywhere"),
      text: t("profile.out_everywhere_text"),
      agree: t("profile.out_everywhere"),
      act: async () => {
        await app.api.post("/auth/logout");
        app.session.end("signed_out");
      },
    });
  const here = () => app.session.end("signed_out");
  return element(
    "section",
    { class: "card", "aria-label": t("shell.sign_out") },
    element("h2", {}, t("shell.sign_out")),
    element("p", { class: "muted" }, t("profile.out_hint")),
    element(
      "div",
      { class: "buttons buttons-start" },
      element(
        "button",
        { type: "button", class: "button button-plain", on: { click: here } },
        t("profile.out_here"),
      ),
      element(
        "button",
        { type: "button", class: "button button-plain button-drop", on: { click: everywhere } },
        t("profile.out_everywhere"),
      ),
    ),
  );
}
