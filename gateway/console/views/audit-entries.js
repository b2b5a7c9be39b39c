/** The table of audit entries, with the words for actors, actions and details. */

import { element } from "../dom.js";
import { knows, t } from "../i18n.js";
import { wordsFor } from "../problems.js";
import { moment } from "../time.js";
import { shownMoment } from "../widgets/moment.js";
import { table } from "../widgets/table.js";

const SERVICE = "service:";
/** The actor of calls through the gateway without a token. */
const VISITOR = "service:gateway";
/** The words for values of an entry's details; other values are shown unchanged. */
const VALUES = {
  role: (value) => t(`role.${value}`),
  activation_status: (value) => t(`status.${value}`),
  status: (value) => t(`code_status.${value}`),
  expired_time: (value) => moment(value),
  redeem_before: (value) => moment(value),
  days_from: (value) => t(`audit_days_from.${value}`),
  password: () => t("audit.new_password"),
};

/** Returns a table of `items`. `only(name, id)` is called to filter by an "actor" or a "target". */
export function auditEntries(items, only) {
  const columns = [
    { words: t("audit.action"), cell: whatHappened },
    { words: t("audit.time"), cell: (entry) => shownMoment(entry.time, "medium") },
    { words: t("audit.actor"), cell: (entry) => actor(entry, only) },
    { words: t("audit.target"), cell: (entry) => target(entry, only) },
    { words: t("audit.details"), cell: details },
    { words: t("audit.origin"), cell: origin },
  ];
  return element("section", { class: "card card-table" }, table(t("audit.title"), columns, items));
}

function whatHappened({ action, outcome }) {
  const key = `audit_action.${action}`;
  return element(
    "div",
    { class: "lines what" },
    element("span", { class: "strong" }, knows(key) ? t(`audit_action.${action}`) : action),
    outcome !== "ok" && element("span", { class: "bad small" }, wordsFor(outcome).text),
  );
}

function actor(entry, only) {
  if (!entry.actor) return "–";
  const words = actorsName(entry);
  return linkTo(words, t("audit.only_actor", { name: words }), () => only("actor", entry.actor_email || entry.actor));
}

function actorsName({ actor, actor_email: email }) {
  if (actor === VISITOR) return t("audit.visitor");
  if (actor.startsWith(SERVICE)) return t("audit.service", { name: actor.slice(SERVICE.length) });
  return email || short(actor);
}

function target(entry, only) {
  if (!entry.target) return "–";
  const words = entry.target === entry.actor ? t("audit.self") : short(entry.target);
  return linkTo(words, t("audit.only_target", { name: words }), () => only("target", entry.target));
}

function linkTo(words, label, act) {
  const attributes = { type: "button", class: "link link-in-table", title: label, "aria-label": label };
  const isShort = words.endsWith("…");
  return element(
    "button",
    { ...attributes, on: { click: act } },
    element("span", { class: isShort && "whole-word" }, words),
  );
}

function details(entry) {
  const shown = Object.entries(entry.details).sort();
  if (shown.length === 0) return "–";
  const line = ([name, value]) => {
    const words = knows(`audit_detail.${name}`) ? t(`audit_detail.${name}`) : name;
    return element("li", {}, t("audit.detail", { name: words, value: VALUES[name]?.(value) ?? value }));
  };
  return element("ul", { class: "lines small break" }, ...shown.map(line));
}

function origin(entry) {
  if (!entry.client_address && !entry.request_id) return "–";
  return element(
    "div",
    { class: "lines small break" },
    element("span", {}, entry.client_address || "–"),
    entry.request_id && element("code", { class: "muted" }, entry.request_id),
  );
}

function short(id) {
  return `${id.slice(0, 8)}…`;
}
