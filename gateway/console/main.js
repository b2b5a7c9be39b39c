/** Creates the parts of the console and starts it. */

import { Api } from "./api.js";
import { languageTag } from "./i18n.js";
import { applyTheme } from "./preferences.js";
import { Router } from "./router.js";
import { Session } from "./session.js";

const session = new Session();
const api = new Api(session);

applyTheme();
document.documentElement.lang = languageTag();
new Router({ api, session }, document.getElementById("app")).start();
