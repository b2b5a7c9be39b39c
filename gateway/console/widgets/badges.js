/** Badges: a state as a coloured word. */

import { element } from "../dom.js";
import { t } from "../i18n.js";

const TONES = {
  active: "good",
  ok: "good",
  unlimited: "good",
  on: "good",
  admin: "accent",
  pending: "wait",
  cooling_down: "wait",
  expired: "bad",
  revoked: "bad",
  dead: "bad",
};

/** Returns a badge for the state `name`. `kind` is the prefix of the message's key, for example "status". */
export function badge(kind, name) {
  return element("span", { class: `badge badge-${TONES[name] ?? "plain"}` }, t(`${kind}.${name}`));
}
