/** The console's messages in the user's language. */

import { en } from "./locales/en.js";
import { enAccounts } from "./locales/en-accounts.js";
import { enAudit } from "./locales/en-audit.js";
import { enCodes } from "./locales/en-codes.js";
import { enProblems } from "./locales/en-problems.js";
import { zh } from "./locales/zh.js";
import { zhAccounts } from "./locales/zh-accounts.js";
import { zhAudit } from "./locales/zh-audit.js";
import { zhCodes } from "./locales/zh-codes.js";
import { zhProblems } from "./locales/zh-problems.js";
import { language } from "./preferences.js";

const DICTIONARIES = {
  zh: { ...zh, ...zhAccounts, ...zhAudit, ...zhCodes, ...zhProblems },
  en: { ...en, ...enAccounts, ...enAudit, ...enCodes, ...enProblems },
};
const TAGS = { zh: "zh-CN", en: "en" };

/** Returns the message for `key`, with each {name} replaced from `values`. */
export function t(key, values = {}) {
  const words = DICTIONARIES[language()][key];
  if (words === undefined) throw new RangeError(`no words for ${key}`);
  return words.replace(/\{([a-z]+)\}/g, (_, name) => String(values[name]));
}

/** Whether there is a message for `key`. */
export function knows(key) {
  return DICTIONARIES[language()][key] !== undefined;
}

/** Returns the language tag for HTML and Intl. */
export function languageTag() {
  return TAGS[language()];
}
