/** Formatting of times and durations. */

import { t, languageTag } from "./i18n.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function amount(count, unit) {
  return new Intl.NumberFormat(languageTag(), { style: "unit", unit, unitDisplay: "long" }).format(count);
}

/** Formats the time from now to `until` (RFC 3339) in at most two units, rounded down; "" if it is past. */
export function timeLeft(until, now = Date.now()) {
  const left = Date.parse(until) - now;
  if (left <= 0) return "";
  const days = Math.floor(left / DAY);
  const hours = Math.floor((left % DAY) / HOUR);
  const minutes = Math.floor((left % HOUR) / MINUTE);
  const parts = [
    days > 0 && amount(days, "day"),
    hours > 0 && amount(hours, "hour"),
    days === 0 && minutes > 0 && amount(minutes, "minute"),
  ].filter(Boolean);
  return parts.length ? parts.join(" ") : t("time.under_a_minute");
}

/** Formats a time to wait, rounded up: in seconds below a minute, in minutes from there on. */
export function wait(seconds) {
  return seconds < 60 ? amount(seconds, "second") : amount(Math.ceil(seconds / 60), "minute");
}

/** Returns the milliseconds from now to `until`, at least 0. */
export function millisecondsLeft(until, now = Date.now()) {
  return Math.max(0, Date.parse(until) - now);
}

/** Formats a time in the user's time zone, to the minute; with the time style "medium", to the second. */
export function moment(time, timeStyle = "short") {
  const style = { dateStyle: "medium", timeStyle };
  return new Intl.DateTimeFormat(languageTag(), style).format(Date.parse(time));
}

/** Formats a countdown in minutes and seconds, such as "1:05". */
export function countdown(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
