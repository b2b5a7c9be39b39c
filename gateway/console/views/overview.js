/** For administrators: the numbers of accounts, activation codes and cookies, and charts of the last days. */

import { isAbort } from "../api.js";
import { element, fill } from "../dom.js";
import { languageTag, t } from "../i18n.js";
import { barChart } from "../widgets/bar-chart.js";
import { problemBox } from "../widgets/problem.js";

const STATES = ["pending", "active", "expired", "revoked"];
const HEALTH = ["ok", "cooling_down", "dead"];
/** Cookies live for 88 hours; the chart has a bar for each 8. */
const HOURS_OF_A_BAR = 8;
const BARS = 12;

/** Each card shows the answer of one service, so a service that does not answer leaves the others as they are. */
const CARDS = [
  { title: "overview.accounts", path: "/admin/overview", draw: accounts },
  { title: "overview.codes", path: "/activation/overview", draw: codes },
  { title: "overview.cookies", path: "/cookie/overview", draw: cookies },
];

export function overviewView(app, signal) {
  return element(
    "div",
    { class: "view view-wide" },
    element("h1", {}, t("overview.title")),
    element("div", { class: "cards" }, ...CARDS.map((card) => cardOf(app, signal, card))),
  );
}

function cardOf(app, signal, { title, path, draw }) {
  const body = element("div", { class: "form" }, element("p", { class: "muted" }, t("loading")));
  const read = async () => {
    try {
      fill(body, ...draw(await app.api.get(path, { signal })));
    } catch (error) {
      if (!isAbort(error)) fill(body, problemBox(error, read));
    }
  };
  read();
  return element("section", { class: "card", "aria-label": t(title) }, element("h2", {}, t(title)), body);
}

function accounts({ accounts: found, lapsing_in_7_days: week, lapsing_in_30_days: month, sign_ins: days }) {
  return [
    counts([
      ...STATES.map((state) => [t(`status.${state}`), found[state]]),
      [t("overview.admins"), found.admins],
      [t("overview.lapsing", { days: number(7) }), week],
      [t("overview.lapsing", { days: number(30) }), month],
    ]),
    byDay(t("overview.sign_ins"), days),
  ];
}

function codes({ batches = [], redemptions = [], ...found }) {
  const stock = batches.filter(({ pending }) => pending > 0);
  return [
    counts(STATES.map((state) => [t(`code_status.${state}`), found[state]])),
    stock.length > 0 && element("h3", {}, t("overview.stock")),
    stock.length > 0 &&
      counts(stock.map((batch) => [batch.note || t("overview.no_note"), batch.pending]), "counts-list"),
    redemptions.length > 0 && byDay(t("overview.redemptions"), redemptions),
  ];
}

function cookies({ health, hours_left: hours }) {
  const bars = Array.from({ length: BARS }, (_, index) => ({
    name: t("overview.within", { hours: number((index + 1) * HOURS_OF_A_BAR) }),
    count: hours
      .filter((one) => Math.floor(one.hours / HOURS_OF_A_BAR) === index)
      .reduce((sum, one) => sum + one.count, 0),
  }));
  const total = HEALTH.reduce((sum, one) => sum + health[one], 0);
  return [
    counts(HEALTH.map((one) => [t(`health.${one}`), health[one]])),
    barChart({ label: t("overview.expiring"), summary: number(total), bars }),
  ];
}

function counts(pairs, style = "") {
  const item = ([words, count]) =>
    element(
      "div",
      { class: "count" },
      element("dt", { class: "muted small break" }, words),
      element("dd", {}, number(count ?? 0)),
    );
  return element("dl", { class: `counts ${style}` }, ...pairs.map(item));
}

function byDay(label, days) {
  const name = new Intl.DateTimeFormat(languageTag(), { month: "short", day: "numeric", timeZone: "UTC" });
  const bars = days.map(({ day, count }) => ({ name: name.format(Date.parse(day)), count }));
  return barChart({ label, summary: number(bars.reduce((sum, { count }) => sum + count, 0)), bars });
}

function number(count) {
  return new Intl.NumberFormat(languageTag()).format(count);
}
