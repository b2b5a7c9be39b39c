/** Where a WeChat login stands, told from its events. */

/** The steps as people see them. */
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

/** Before the first event. `ending` is "success" or "failure" at the end. */
export const BEGINNING = Object.freeze({
  loginKey: null,
  stage: "preparing",
  message: "",
  qr: null,
  isReplacing: false,
  ending: null,
  cookie: null,
  failure: null,
});

/** The state after `event`. */
export function advance(state, event) {
  const next = { ...state, loginKey: event.login_key };
  if (event.qr_code) return { ...next, qr: event.qr_code, isReplacing: false };
  if (event.success)
    return { ...next, stage: "succeeded", ending: "success", cookie: event.success.cookie ?? null };
  if (event.failure) return { ...next, stage: "failed", ending: "failure", failure: event.failure };
  if (!event.progress) return next;
  const { stage, message } = event.progress;
  return { ...next, stage, message, isReplacing: stage === "preparing" && state.qr !== null };
}

/** The index of the present step; that of the last one that was reached when the login has failed. */
export function stepOf(state) {
  return STEP_OF[state.stage] ?? (state.qr ? 1 : 0);
}

/** Whether the code on the screen is there to be scanned. */
export function canBeScanned(state) {
  return (
    state.qr !== null &&
    !state.isReplacing &&
    (state.stage === "waiting_for_scan" || state.stage === "no_account")
  );
}
