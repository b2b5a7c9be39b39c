/** A time that stays on one line. */

import { element } from "../dom.js";
import { moment } from "../time.js";

/** Returns an element with the time as `moment` formats it; a dash if `time` is undefined. */
export function shownMoment(time, timeStyle) {
  return time ? element("time", { class: "time", datetime: time }, moment(time, timeStyle)) : "–";
}
