/** For administrators: the dialogs that create, edit and delete an account. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { confirm, openDialog } from "../widgets/dialogs.js";
import { emailField, field, form } from "../widgets/forms.js";
import { notify } from "../widgets/notices.js";
import { choices, ROLES, STATUSES } from "./choices.js";
import { passwordLink } from "./password-link.js";

const PASSWORD = {
  name: "password",
  type: "password",
  minlength: 6,
  maxlength: 128,
  autocomplete: "new-password",
};

/** Opens the dialog. `changed` runs after the account was created. */
export function createUser(app, changed) {
  openDialog(t("users.create"), (close) => {
    const fields = [
      emailField({ autocomplete: "off" }),
      field({
        ...PASSWORD,
        label: t("field.password"),
        hint: t("field.password_hint"),
        wrong: t("field.password_hint"),
        required: true,
      }),
      field({ name: "role", label: t("users.role"), options: choices("role", ROLES), value: "user" }),
    ];
    const act = async (values) => {
      await app.api.post("/admin/users", values);
      close();
      notify(t("users.created", { email: values.email }));
      changed();
    };
    return form({ fields, submit: t("users.create"), extra: [cancelButton(close)], act });
  });
}

/** Opens the dialog, which sends only the fields that were changed. */
export function editUser(app, user, changed) {
  openDialog(t("users.edit"), (close) => {
    const until = localTime(user.expired_time);
    const fields = [
      field({ name: "role", label: t("users.role"), options: choices("role", ROLES), value: user.role }),
      field({
        name: "activation_status",
        label: t("users.status"),
        options: choices("status", STATUSES),
        value: user.activation_status,
      }),
      field({ name: "expired_time", type: "datetime-local", label: t("users.until"), value: until }),
      field({
        ...PASSWORD,
        label: t("profile.new_password"),
        hint: t("users.password_hint"),
        wrong: t("field.password_hint"),
      }),
    ];
    const openLink = () => {
      close();
      passwordLink(app, user);
    };
    const act = async (values) => {
      const changes = changesOf(user, until, values);
      if (Object.keys(changes).length > 0) {
        await app.api.put(`/admin/users/${encodeURIComponent(user.id)}`, changes);
        notify(t("users.saved", { email: user.email }));
      }
      close();
      changed();
    };
    return [
      element("p", { class: "muted break" }, user.email),
      element(
        "p",
        {},
        t("password_link.forgotten"),
        " ",
        element(
          "button",
          { type: "button", class: "link", on: { click: openLink } },
          t("password_link.title"),
        ),
      ),
      form({ fields, submit: t("action.save"), extra: [cancelButton(close)], act }),
    ];
  });
}

export function deleteUser(app, user, changed) {
  confirm({
    title: t("users.delete_title"),
    text: t("users.delete_text", { email: user.email }),
    agree: t("action.delete"),
    act: async () => {
      await app.api.delete(`/admin/users/${encodeURIComponent(user.id)}`);
      notify(t("users.deleted", { email: user.email }));
      changed();
    },
  });
}

function cancelButton(close) {
  return element(
    "button",
    { type: "button", class: "button button-plain", on: { click: close } },
    t("action.cancel"),
  );
}

function changesOf(user, until, { role, activation_status, expired_time, password }) {
  const changes = {};
  if (role !== user.role) changes.role = role;
  if (activation_status !== user.activation_status) changes.activation_status = activation_status;
  if (expired_time && expired_time !== until) changes.expired_time = new Date(expired_time).toISOString();
  if (password) changes.password = password;
  return changes;
}

/** Formats a time for a datetime-local control: in the user's time zone, to the minute. */
function localTime(time) {
  if (!time) return "";
  const at = new Date(time);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
