/** For administrators: the list of all accounts. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { badge } from "../widgets/badges.js";
import { filters } from "../widgets/filters.js";
import { field } from "../widgets/forms.js";
import { icon } from "../widgets/icons.js";
import { shownMoment } from "../widgets/moment.js";
import { pagedList } from "../widgets/pager.js";
import { table } from "../widgets/table.js";
import { createUser, deleteUser, editUser } from "./user-dialogs.js";
import { choices, ROLES, STATUSES } from "./choices.js";

export function usersView(app, signal) {
  const search = filters(
    t("users.search"),
    [
      field({ name: "email", type: "search", label: t("users.by_email"), maxlength: 254 }),
      field({ name: "role", label: t("users.role"), options: choices("role", ROLES, true) }),
      field({
        name: "activation_status",
        label: t("users.status"),
        options: choices("status", STATUSES, true),
      }),
    ],
    () => list.reload(),
  );
  const changed = () => list.reload({ stay: true });
  const list = pagedList(app, signal, {
    path: () => "/admin/users",
    query: () => search.values(),
    draw: (items, total) =>
      items.length
        ? users(app, items, total, changed)
        : element("p", { class: "card empty muted" }, t("users.none")),
  });
  const create = element(
    "button",
    { type: "button", class: "button", on: { click: () => createUser(app, () => list.reload()) } },
    icon("plus"),
    t("users.create"),
  );
  return element(
    "div",
    { class: "view view-wide" },
    element("div", { class: "view-head" }, element("h1", {}, t("users.title")), create),
    search.element,
    list.element,
  );
}

function users(app, items, total, changed) {
  const columns = [
    { words: t("field.email"), cell: (user) => element("span", { class: "break strong" }, user.email) },
    { words: t("users.role"), cell: (user) => badge("role", user.role) },
    { words: t("users.status"), cell: statusBadge },
    { words: t("users.until"), cell: accessUntil },
    { words: t("table.actions"), isAction: true, cell: (user) => actions(app, user, changed) },
  ];
  return element(
    "section",
    { class: "card card-table" },
    element("p", { class: "muted total" }, t("users.total", { total })),
    table(t("users.title"), columns, items),
  );
}

/** Administrators need no activation, whatever their account's status is. */
function statusBadge(user) {
  return user.role === "admin" ? badge("status", "unlimited") : badge("status", user.activation_status);
}

function accessUntil(user) {
  return user.role === "admin" ? t("status.unlimited") : shownMoment(user.expired_time);
}

function actions(app, user, changed) {
  const isMe = user.id === app.session.account.id;
  const button = (words, label, style, act) =>
    element(
      "button",
      {
        type: "button",
        class: `button button-small button-plain ${style}`,
        "aria-label": t(label, { email: user.email }),
        on: { click: act },
      },
      words,
    );
  return element(
    "div",
    { class: "buttons" },
    button(t("action.edit"), "users.edit_email", "", () => editUser(app, user, changed)),
    // After deleting their own account, administrators could no longer see this page.
    !isMe &&
      button(t("action.delete"), "users.delete_email", "button-drop", () => deleteUser(app, user, changed)),
  );
}
