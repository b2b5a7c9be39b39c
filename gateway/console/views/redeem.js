/** The form that redeems an activation code. It asks first if days would be lost. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { moment } from "../time.js";
import { confirm } from "../widgets/dialogs.js";
import { field, form } from "../widgets/forms.js";
import { notify } from "../widgets/notices.js";

/** Returns the form's card. `changed` runs after a code was redeemed and the account read again. */
export function redeemCard(app, changed) {
  const code = field({
    name: "activation_code",
    label: t("redeem.code"),
    hint: t("redeem.code_hint"),
    wrong: t("redeem.wrong"),
    required: true,
    pattern: "\\s*[0-9A-Fa-f]{32}\\s*",
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "off",
    class: "code-input",
  });
  const explain = element("p", { class: "muted" });
  const label = () => {
    explain.textContent = t(
      app.session.account.activation_status === "active" ? "redeem.again" : "redeem.first",
    );
  };
  const redeem = async (values, made, preview) => {
    await app.api.post("/activation/activate", values);
    await app.refreshAccount();
    made.reset();
    changed();
    label();
    notify(t("redeem.done", ends(preview)));
  };
  const act = async (values, made) => {
    const preview = await app.api.get("/activation/preview", { query: values });
    if (!preview.days_lost) return redeem(values, made, preview);
    return confirm({
      title: t("redeem.loss_title"),
      text: t(preview.expired_time ? "redeem.loss" : "redeem.loss_endless", {
        ...ends(preview),
        days: preview.days_lost,
      }),
      agree: t("redeem.anyway"),
      act: () => redeem(values, made, preview),
    });
  };
  label();
  return element(
    "section",
    { class: "card", "aria-label": t("redeem.title") },
    element("div", { class: "card-head" }, element("h2", {}, t("redeem.title"))),
    explain,
    form({ fields: [code], submit: t("redeem.submit"), act }),
  );
}

function ends({ expired_time: before, new_expired_time: after, days_lost: lost }) {
  const isEndless = !before && (lost || !after);
  return {
    before: before ? moment(before) : t(isEndless ? "redeem.endless" : "redeem.nothing"),
    after: after ? moment(after) : t("redeem.endless"),
  };
}
