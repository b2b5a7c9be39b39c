/** The user's preferences for this tab: the language and the colours. */

const LANGUAGE = "fastmp.language";
const THEME = "fastmp.theme";

export function language() {
  return sessionStorage.getItem(LANGUAGE) === "en" ? "en" : "zh";
}

export function setLanguage(chosen) {
  sessionStorage.setItem(LANGUAGE, chosen);
}

/** Returns "light" or "dark": the user's choice, or else the system's. */
export function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return sessionStorage.getItem(THEME) ?? (dark ? "dark" : "light");
}

export function setTheme(chosen) {
  sessionStorage.setItem(THEME, chosen);
  applyTheme();
}

/** Applies the user's choice; without one, the style sheet follows the system. */
export function applyTheme() {
  const chosen = sessionStorage.getItem(THEME);
  if (chosen) document.documentElement.dataset.theme = chosen;
}
