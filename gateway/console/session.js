/** The user's session. The token is kept for the tab or, if the user chose so, in the browser. */

const TOKEN = "fastmp.token";
const LOGIN = "fastmp.login";

export class Session extends EventTarget {
  /** The account as last read; null without a session. */
  account = null;

  constructor() {
    super();
    // Signing out in one tab of a remembered session signs out all tabs.
    addEventListener("storage", (event) => {
      if (event.key === TOKEN && event.newValue === null && !sessionStorage.getItem(TOKEN)) this.end();
    });
  }

  get token() {
    return sessionStorage.getItem(TOKEN) ?? localStorage.getItem(TOKEN);
  }

  get isRemembered() {
    return localStorage.getItem(TOKEN) !== null;
  }

  get isAdmin() {
    return this.account?.role === "admin";
  }

  /** Whether the account may log official accounts in now. */
  get isActive() {
    return this.isAdmin || this.account?.activation_status === "active";
  }

  /** Whether an activation code gives the account access; a suspended one cannot redeem any. */
  get needsCode() {
    return !this.isActive && this.account?.activation_status !== "revoked";
  }

  begin(token, remember) {
    this.#forget();
    (remember ? localStorage : sessionStorage).setItem(TOKEN, token);
  }

  /** Deletes the token; the sign-in page shows `reason`, for example "expired". */
  end(reason = "") {
    this.#forget();
    this.account = null;
    this.dispatchEvent(new CustomEvent("end", { detail: reason }));
  }

  /** The key of the WeChat login that this tab started and whose end it has not seen; null if there is none. */
  get loginKey() {
    return sessionStorage.getItem(LOGIN);
  }

  set loginKey(key) {
    if (key) sessionStorage.setItem(LOGIN, key);
    else sessionStorage.removeItem(LOGIN);
  }

  #forget() {
    sessionStorage.removeItem(TOKEN);
    sessionStorage.removeItem(LOGIN);
    localStorage.removeItem(TOKEN);
  }
}
