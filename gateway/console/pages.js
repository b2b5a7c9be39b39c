/** The list of pages: their names, views, and whether they are for administrators only. */

import { auditView } from "./views/audit.js";
import { codesView } from "./views/codes.js";
import { cookiesView } from "./views/cookies.js";
import { homeView } from "./views/home.js";
import { overviewView } from "./views/overview.js";
import { profileView } from "./views/profile.js";
import { scanView } from "./views/scan.js";
import { usersView } from "./views/users.js";

/** A view takes the app and an AbortSignal, which is aborted when the user leaves the page, and returns an element. */
export const PAGES = [
  { name: "home", view: homeView, icon: "home" },
  { name: "scan", view: scanView, icon: "scan" },
  { name: "cookies", view: cookiesView, icon: "cookies" },
  { name: "profile", view: profileView, icon: "profile" },
  { name: "overview", view: overviewView, icon: "overview", adminOnly: true },
  { name: "users", view: usersView, icon: "users", adminOnly: true },
  { name: "codes", view: codesView, icon: "codes", adminOnly: true },
  { name: "audit", view: auditView, icon: "audit", adminOnly: true },
];
