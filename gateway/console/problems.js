/** Messages for errors: what happened, and what to do next. */

import { knows, t } from "./i18n.js";
import { wait } from "./time.js";

/** Returns `{text, next}` for a reason of the contract. `message` is the server's, in the page's language; `next` may be "". */
export function wordsFor(reason, message = "") {
  if (knows(`reason.${reason}`)) {
    return { text: t(`reason.${reason}`), next: knows(`next.${reason}`) ? t(`next.${reason}`) : "" };
  }
  return { text: message || t("problem.unknown", { reason }), next: t("problem.try_again") };
}

/** Returns `{text, next}` for an ApiError or any other error. */
export function wordsForError(error) {
  const words = wordsFor(error.reason ?? "INTERNAL", error.message);
  if (error.retryAfter > 0) words.next = t("problem.retry_after", { time: wait(error.retryAfter) });
  return words;
}
