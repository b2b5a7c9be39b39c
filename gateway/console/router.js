/** Selects the page by the URL's fragment, the session and the account's role, and draws it. */

import { isAbort } from "./api.js";
import { element, fill, focusOn } from "./dom.js";
import { languageTag, t } from "./i18n.js";
import { PAGES } from "./pages.js";
import { setLanguage } from "./preferences.js";
import { shell } from "./shell.js";
import { isPasswordLink, newPasswordView } from "./views/new-password.js";
import { signInView } from "./views/sign-in.js";
import { closeDialogs } from "./widgets/dialogs.js";
import { clearNotices } from "./widgets/notices.js";
import { problemBox } from "./widgets/problem.js";

export class Router {
  #root;
  #leaving = new AbortController();
  #notice = "";

  /** `parts` holds `api` and `session`; views get them together with the functions defined here. */
  constructor(parts, root) {
    this.#root = root;
    this.app = {
      ...parts,
      /** Goes to the page `name`. */
      show: (name) => this.#go(name),
      /** Reads the account after a sign-in and draws the page. */
      signedIn: () => this.#draw({ moveFocus: true }),
      refreshAccount: () => this.#readAccount(),
      changeLanguage: (language) => this.#changeLanguage(language),
    };
  }

  start() {
    addEventListener("hashchange", () => this.#draw({ moveFocus: true }));
    this.app.session.addEventListener("end", (event) => {
      this.#notice = event.detail;
      this.#draw({ moveFocus: true });
    });
    this.#draw({ moveFocus: false });
  }

  #go(name) {
    if (location.hash === `#/${name}`) this.#draw({ moveFocus: true });
    else location.hash = `#/${name}`;
  }

  #changeLanguage(language) {
    setLanguage(language);
    document.documentElement.lang = languageTag();
    this.#draw({ moveFocus: false }).then(() => document.getElementById("language")?.focus());
  }

  async #readAccount() {
    this.app.session.account = await this.app.api.get("/auth/me");
    return this.app.session.account;
  }

  async #draw({ moveFocus }) {
    this.#leaving.abort();
    const leaving = (this.#leaving = new AbortController());
    closeDialogs();
    clearNotices();
    const { session } = this.app;
    if (session.token && !session.account) {
      if (!this.#root.firstChild) fill(this.#root, element("p", { class: "main muted" }, t("loading")));
      try {
        await this.#readAccount();
      } catch (error) {
        // If the session has ended, the sign-in page has been drawn already.
        if (!leaving.signal.aborted && !isAbort(error)) this.#drawProblem(error);
        return;
      }
      if (leaving.signal.aborted) return;
    }
    const page = this.#page();
    const notice = this.#notice;
    this.#notice = "";
    const content = page.view(this.app, leaving.signal, notice);
    fill(this.#root, ...shell(this.app, page, content));
    document.title = `${t(`page.${page.name}`)} · FastMP`;
    if (moveFocus) {
      scrollTo(0, 0);
      focusOn(content.querySelector("[autofocus]") ?? content.querySelector("h1"));
    }
  }

  #page() {
    if (isPasswordLink()) return { name: "new_password", view: newPasswordView };
    if (!this.app.session.token) return { name: "sign_in", view: signInView };
    const wanted = PAGES.find((page) => location.hash.split("?")[0] === `#/${page.name}`);
    return wanted && (!wanted.adminOnly || this.app.session.isAdmin) ? wanted : PAGES[0];
  }

  #drawProblem(error) {
    const again = () => this.#draw({ moveFocus: true });
    const content = element(
      "div",
      { class: "view view-narrow" },
      element("h1", {}, "FastMP"),
      problemBox(error, again),
    );
    fill(this.#root, ...shell(this.app, { name: "sign_in" }, content));
  }
}
