/** The user's preferences, which this browser keeps: the language and the colours. */

const LANGUAGE = "fastmp.language";
const THEME = "fastmp.theme";

/** Returns "zh" or "en": the user's choice, or else the browser's first language. */
export function language() {
  const chosen = localStorage.getItem(LANGUAGE);
  if (chosen === "zh" || chosen === "en") return chosen;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function setLanguage(chosen) {
  localStorage.setItem(LANGUAGE, chosen);
}

/** Returns "light" or "dark": the user's choice, or else the system's. */
export function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return localStorage.getItem(THEME) ?? (dark ? "dark" : "light");
}

export function setTheme(chosen) {
  localStorage.setItem(THEME, chosen);
  applyTheme();
}

/** Applies the user's choice; without one, the style sheet follows the system. */
export function applyTheme() {
  const chosen = localStorage.getItem(THEME);
  if (chosen) document.documentElement.dataset.theme = chosen;
}
