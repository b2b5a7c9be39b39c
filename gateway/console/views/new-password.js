/** The page of a password link: sets a new password with the link's ticket, signed in or not. */

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { form } from "../widgets/forms.js";
import { newPasswordFields } from "../widgets/new-password.js";

const NAME = "new-password";
const PREFIX = `#/${NAME}/`;

let ticket = "";

/**
 * Returns whether the URL's fragment is that of a password link, or of its page. Takes the ticket out of the fragment,
 * so that it does not stay in the address bar and the browser's history.
 */
export function isPasswordLink() {
  if (location.hash.startsWith(PREFIX)) {
    ticket = location.hash.slice(PREFIX.length);
    history.replaceState(null, "", `#/${NAME}`);
  }
  return location.hash === `#/${NAME}`;
}

export function newPasswordView(app) {
  const act = async ({ new_password }) => {
    await app.api.post("/auth/password/reset", { ticket, new_password });
    ticket = "";
    history.replaceState(null, "", location.pathname);
    // A session of the same account has ended; one of another account must not be mistaken for it.
    app.session.end("password_set");
  };
  const content = ticket
    ? [
        element("p", { class: "muted" }, t("new_password.how")),
        form({
          fields: newPasswordFields({ name: "new_password", label: t("profile.new_password") }),
          submit: t("new_password.submit"),
          act,
        }),
      ]
    : [element("p", {}, t("new_password.no_ticket"))];
  return element(
    "div",
    { class: "view view-narrow" },
    element("h1", {}, t("new_password.title")),
    element("section", { class: "card", "aria-label": t("new_password.title") }, ...content),
  );
}
