/** The pages: where they are, what they are called, and who may see them. */

import { auditView } from "./views/audit.js";
import { codesView } from "./views/codes.js";
import { cookiesView } from "./views/cookies.js";
import { homeView } from "./views/home.js";
import { profileView } from "./views/profile.js";
import { scanView } from "./views/scan.js";
import { usersView } from "./views/users.js";

/** A view is a function of the app and an AbortSignal, aborted when the person leaves; it returns an element. */
export const PAGES = [
  { name: "home", view: homeView, icon: "home" },
  { name: "scan", view: scanView, icon: "scan" },
  { name: "cookies", view: cookiesView, icon: "cookies" },
  { name: "profile", view: profileView, icon: "profile" },
  { name: "users", view: usersView, icon: "users", adminOnly: true },
  { name: "codes", view: codesView, icon: "codes", adminOnly: true },
  { name: "audit", view: auditView, icon: "audit", adminOnly: true },
];
