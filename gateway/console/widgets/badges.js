/** States as short coloured words. */

import { element } from "../dom.js";
import { t } from "../i18n.js";

const TONES = {
  active: "good",
  ok: "good",
  admin: "accent",
  pending: "wait",
  cooling_down: "wait",
  expired: "bad",
  revoked: "bad",
  dead: "bad",
};

/** A badge for the state `name`, whose words are those of `kind`, for example "status". */
export function badge(kind, name) {
  return element("span", { class: `badge badge-${TONES[name] ?? "plain"}` }, t(`${kind}.${name}`));
}
