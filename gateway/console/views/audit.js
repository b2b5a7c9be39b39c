/** For administrators: the audit log of each service. */

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { filters } from "../widgets/filters.js";
import { field } from "../widgets/forms.js";
import { pagedList } from "../widgets/pager.js";
import { auditEntries } from "./audit-entries.js";
import { actorOf, NotOneAccountError, targetOf } from "./audit-names.js";
import { verifying } from "./audit-verdict.js";
import { choices } from "./choices.js";

/** The logs with their paths and actions. */
const LOGS = {
  identity: {
    path: "/admin/audit",
    actions: [
      "account_created",
      "account_changed",
      "account_deleted",
      "accounts_imported",
      "sign_in",
      "signed_out",
      "password_changed",
      "password_reset",
      "password_link_created",
      "second_factor_enrolled",
      "second_factor_enabled",
      "second_factor_disabled",
      "second_factor_removed",
      "tokens_ended",
      "activation_applied",
      "activation_cleared",
    ],
  },
  activation: {
    path: "/admin/audit/activation",
    actions: [
      "codes_generated",
      "batch_revoked",
      "code_activated",
      "code_released",
      "code_revoked",
      "code_changed",
      "code_deleted",
      "codes_of_account_deleted",
      "codes_exported",
      "codes_imported",
    ],
  },
  wechat_cookie: {
    path: "/admin/audit/wechat_cookie",
    actions: [
      "cookie_acquired",
      "cookie_chosen",
      "cookie_deleted",
      "cookies_imported",
      "cookies_of_account_deleted",
    ],
  },
  notifications: {
    path: "/admin/audit/notifications",
    actions: [
      "channel_created",
      "channel_changed",
      "channel_deleted",
      "notifications_of_account_deleted",
    ],
  },
};

export function auditView(app, signal) {
  const log = field({
    name: "log",
    label: t("audit.log"),
    options: choices("audit_log", Object.keys(LOGS)),
    value: "identity",
  });
  const action = field({ name: "action", label: t("audit.action"), options: [] });
  const search = filters(
    t("audit.search"),
    [log, action, nameField("actor"), nameField("target")],
    () => list.reload(),
  );
  const controls = search.element.elements;
  const chosen = () => LOGS[controls.log.value];
  let notOne = null;
  const query = async (signal) => {
    const { log: name, ...values } = search.values();
    notOne = null;
    try {
      const actor = await actorOf(app.api, values.actor, signal);
      return { ...values, actor, target: await targetOf(app.api, name, values.target, signal) };
    } catch (error) {
      if (!(error instanceof NotOneAccountError)) throw error;
      notOne = error;
      return null;
    }
  };
  const verify = verifying(app, signal, () => chosen().path);
  const offerActions = () => {
    const words = choices("audit_action", chosen().actions, true);
    fill(controls.action, ...words.map(([value, text]) => element("option", { value }, text)));
    controls.target.placeholder = t(`audit.target_in_${controls.log.value}`);
  };
  offerActions();
  controls.log.addEventListener("input", () => {
    offerActions();
    verify.clear();
  });
  const only = (name, id) => {
    controls[name].value = id;
    controls[name].focus();
    list.reload();
  };
  const list = pagedList(app, signal, {
    path: () => chosen().path,
    query,
    draw: (items) => (items.length ? auditEntries(items, only) : nothing(notOne)),
  });
  return element(
    "div",
    { class: "view view-wide" },
    element("div", { class: "view-head" }, element("h1", {}, t("audit.title")), verify.button),
    verify.verdict,
    search.element,
    list.element,
  );
}

function nameField(name) {
  return field({
    name,
    type: "search",
    label: t(`audit.by_${name}`),
    placeholder: t("audit.actor_example"),
    maxlength: 254,
    autocomplete: "off",
    spellcheck: "false",
  });
}

/** What an empty list says: of an e-mail that is not that of one account, why. */
function nothing(notOne) {
  if (!notOne) return element("p", { class: "card empty muted" }, t("audit.none"));
  const { typed, emails } = notOne;
  const words = emails.length
    ? t("audit.several_accounts", { email: typed, emails: emails.join(", ") })
    : t("audit.no_account", { email: typed });
  return element("p", { class: "card empty muted break" }, words);
}
