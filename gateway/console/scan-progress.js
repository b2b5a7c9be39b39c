/** The state of a WeChat login, derived from its events. */

/** The steps that the page shows. */
export const STEPS = ["prepare", "scan", "confirm", "save"];

const STEP_OF = {
  preparing: 0,
  waiting_for_scan: 1,
  no_account: 1,
  scanned: 2,
  choosing_account: 2,
  waiting_for_approval: 2,
  confirmed: 3,
  saving: 3,
  succeeded: 4,
};

/** The state before the first event. `ending` becomes "success" or "failure". */
export const BEGINNING = Object.freeze({
  loginKey: null,
  stage: "preparing",
  message: "",
  qr: null,
  /** Why the code on the screen is not the first one: "cancelled", "expired", or "" for the first. */
  renewed: "",
  isReplacing: false,
  ending: null,
  cookie: null,
  failure: null,
});

/** Returns the state after `event`. */
export function advance(state, event) {
  const next = { ...state, loginKey: event.login_key };
  if (event.qr_code)
    return { ...next, qr: event.qr_code, renewed: renewal(state, event.qr_code), isReplacing: false };
  if (event.success)
    return { ...next, stage: "succeeded", ending: "success", cookie: event.success.cookie ?? null };
  if (event.failure) return { ...next, stage: "failed", ending: "failure", failure: event.failure };
  if (!event.progress) return next;
  const { stage, message } = event.progress;
  return { ...next, stage, message, isReplacing: stage === "preparing" && state.qr !== null };
}

/** A cancellation on the phone restarts the count of codes that were replaced because they had expired. */
function renewal(state, qr) {
  if (state.qr === null) return "";
  return qr.refresh_count > 0 ? "expired" : "cancelled";
}

/** Returns the index of the current step; after a failure, that of the last step reached. */
export function stepOf(state) {
  return STEP_OF[state.stage] ?? (state.qr ? 1 : 0);
}

/** Whether the QR code on the screen can be scanned now. */
export function canBeScanned(state) {
  return (
    state.qr !== null &&
    !state.isReplacing &&
    (state.stage === "waiting_for_scan" || state.stage === "no_account")
  );
}
