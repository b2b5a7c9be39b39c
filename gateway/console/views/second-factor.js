/** The second factor of the user's account: setting it up with an authenticator app, and turning it off. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { badge } from "../widgets/badges.js";
import { copy } from "../widgets/clipboard.js";
import { openDialog } from "../widgets/dialogs.js";
import { field, form } from "../widgets/forms.js";
import { notify } from "../widgets/notices.js";
import { problemBox } from "../widgets/problem.js";

/** Returns the field of a code; `attributes` are those of field(). */
export function codeField(attributes) {
  return field({
    name: "totp",
    label: t("second_factor.code"),
    hint: t("second_factor.code_hint"),
    autocomplete: "one-time-code",
    autocapitalize: "off",
    spellcheck: "false",
    required: true,
    maxlength: 64,
    ...attributes,
  });
}

export function secondFactorCard(app, signal) {
  const isOn = app.session.account.has_second_factor === true;
  const problem = element("div");
  const begin = async () => {
    problem.replaceChildren();
    try {
      enrol(app, signal, await app.api.post("/auth/totp/enroll"));
    } catch (error) {
      problem.replaceChildren(problemBox(error));
    }
  };
  return element(
    "section",
    { class: "card", "aria-label": t("second_factor.title") },
    element(
      "div",
      { class: "card-head" },
      element("h2", {}, t("second_factor.title")),
      isOn && badge("second_factor_state", "on"),
    ),
    element("p", { class: "muted" }, t(isOn ? "second_factor.is_on" : "second_factor.what")),
    problem,
    element(
      "div",
      { class: "buttons buttons-start" },
      isOn
        ? button(t("second_factor.disable"), () => disable(app, signal), "button-plain button-drop")
        : button(t("second_factor.enable"), begin),
    ),
  );
}

function enrol(app, signal, { secret, uri, qrcode_base64 }) {
  let isEnabled = false;
  const dialog = openDialog(t("second_factor.enable"), (close) => {
    const body = element("div", { class: "form" });
    const act = async (values) => {
      const { recovery_codes: codes } = await app.api.post("/auth/totp/confirm", values);
      isEnabled = true;
      body.replaceChildren(...recoveryCodes(codes, close));
      body.querySelector("textarea").focus();
    };
    body.append(
      element("p", {}, t("second_factor.scan")),
      element("img", {
        class: "totp-qr",
        src: `data:image/png;base64,${qrcode_base64}`,
        alt: t("second_factor.qr_alt"),
      }),
      // On the phone itself there is nothing to scan with.
      element("p", {}, element("a", { class: "link", href: uri }, t("second_factor.open_here"))),
      element("p", { class: "hint" }, t("second_factor.type_secret")),
      element("p", {}, element("code", { class: "break" }, secret.match(/.{1,4}/g).join(" "))),
      form({
        fields: [codeField({ hint: t("second_factor.confirm_hint") })],
        submit: t("second_factor.confirm"),
        extra: [button(t("action.cancel"), close, "button-plain")],
        act,
      }),
    );
    return body;
  });
  dialog.addEventListener("close", () => isEnabled && redraw(app, signal));
}

function recoveryCodes(codes, close) {
  const text = codes.join("\n");
  const shown = element("textarea", {
    class: "codes-made",
    rows: codes.length,
    readonly: true,
    "aria-label": t("second_factor.recovery_codes"),
  });
  shown.value = text;
  return [
    element("p", {}, t("second_factor.keep_codes")),
    shown,
    element(
      "div",
      { class: "buttons" },
      button(t("copy.all"), () => copy(text), "button-plain"),
      button(t("second_factor.kept"), close),
    ),
  ];
}

function disable(app, signal) {
  openDialog(t("second_factor.disable"), (close) => {
    const password = field({
      name: "password",
      type: "password",
      label: t("profile.old_password"),
      autocomplete: "current-password",
      required: true,
      maxlength: 128,
    });
    const act = async (values) => {
      await app.api.post("/auth/totp/disable", values);
      close();
      await redraw(app, signal);
      notify(t("second_factor.disabled"));
    };
    return form({
      fields: [password, codeField()],
      submit: t("second_factor.disable"),
      extra: [button(t("action.cancel"), close, "button-plain")],
      act,
    });
  });
}

/** Reads the account again, and draws its page unless the user has left it. */
async function redraw(app, signal) {
  await app.refreshAccount();
  if (!signal.aborted) app.show("profile");
}

function button(words, act, style = "") {
  return element("button", { type: "button", class: `button ${style}`, on: { click: act } }, words);
}
