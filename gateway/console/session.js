/** Who is signed in here. The token lives as long as the tab, or in this browser if the person asked for that. */

const TOKEN = "fastmp.token";
const LOGIN = "fastmp.login";

export class Session extends EventTarget {
  /** The account as last read; null while nobody is signed in. */
  account = null;

  constructor() {
    super();
    // Somebody who signs out in one tab of a remembered session means all of them.
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

  begin(token, remember) {
    this.#forget();
    (remember ? localStorage : sessionStorage).setItem(TOKEN, token);
  }

  /** Forgets the token here; `reason` tells the sign-in page why, for example "expired". */
  end(reason = "") {
    this.#forget();
    this.account = null;
    this.dispatchEvent(new CustomEvent("end", { detail: reason }));
  }

  /** The key of the WeChat login that this tab last started and has not seen end; null without one. */
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
