/** The forms for signing in and registering. */

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { emailField, field, form } from "../widgets/forms.js";
import { newPasswordFields } from "../widgets/new-password.js";
import { icon } from "../widgets/icons.js";
import { codeField } from "./second-factor.js";

/** Returns the page. `notice` is why the previous session ended: "expired", "signed_out", or "". */
export function signInView(app, _signal, notice) {
  const card = element("section", { class: "card" });
  const forms = { sign_in: signingIn, register: registering, second_factor: enteringCode };
  const show = (mode, focus, known) => {
    fill(card, ...forms[mode](app, show, known));
    if (focus) card.querySelector("input").focus();
  };
  show("sign_in", false);
  return element(
    "div",
    { class: "view view-narrow" },
    element(
      "div",
      { class: "welcome" },
      icon("mark"),
      element("h1", {}, t("sign_in.welcome")),
      element("p", { class: "muted" }, t("sign_in.what")),
    ),
    notice && element("p", { class: "banner", role: "status" }, t(`sign_in.${notice}`)),
    card,
  );
}

function signingIn(app, show) {
  const fields = [
    email(),
    field({
      name: "password",
      type: "password",
      label: t("field.password"),
      autocomplete: "current-password",
      required: true,
      maxlength: 128,
    }),
    field({
      name: "remember",
      type: "checkbox",
      label: t("sign_in.remember"),
      hint: t("sign_in.remember_hint"),
    }),
  ];
  const act = async ({ email: address, password, remember }) => {
    try {
      await signIn(app, address, password, remember);
    } catch (error) {
      if (error.reason !== "SECOND_FACTOR_NEEDED") throw error;
      show("second_factor", true, { address, password, remember });
    }
  };
  return [
    element("h2", {}, t("sign_in.title")),
    form({ fields, submit: t("sign_in.submit"), act }),
    other(t("sign_in.no_account"), t("sign_in.to_register"), () => show("register", true)),
    element("p", { class: "aside" }, t("sign_in.forgot")),
  ];
}

function registering(app, show) {
  const fields = [
    email(),
    ...newPasswordFields({ name: "password", label: t("field.password") }),
  ];
  const act = async ({ email: address, password }) => {
    await app.api.post("/auth/register", { email: address, password });
    await signIn(app, address, password, false);
  };
  return [
    element("h2", {}, t("register.title")),
    form({ fields, submit: t("register.submit"), act }),
    other(t("register.have_account"), t("register.to_sign_in"), () => show("sign_in", true)),
  ];
}

function enteringCode(app, show, { address, password, remember }) {
  const act = ({ totp }) => signIn(app, address, password, remember, totp);
  return [
    element("h2", {}, t("second_factor.title")),
    form({ fields: [codeField()], submit: t("sign_in.submit"), act }),
    other(t("second_factor.lost"), t("second_factor.back"), () => show("sign_in", true)),
  ];
}

async function signIn(app, address, password, remember, totp) {
  const { access_token: token } = await app.api.post("/auth/login", { email: address, password, totp });
  app.session.begin(token, remember);
  app.signedIn();
}

function email() {
  return emailField({ autocomplete: "username" });
}

function other(question, words, act) {
  return element(
    "p",
    { class: "aside" },
    question,
    " ",
    element("button", { type: "button", class: "link", on: { click: act } }, words),
  );
}
