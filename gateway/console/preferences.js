/** What a person chose for this tab: the language and the colours. */

const LANGUAGE = "fastmp.language";
const THEME = "fastmp.theme";

export function language() {
  return sessionStorage.getItem(LANGUAGE) === "en" ? "en" : "zh";
}

export function setLanguage(chosen) {
  sessionStorage.setItem(LANGUAGE, chosen);
}

/** "light" or "dark": as chosen, else as the system has it. */
export function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return sessionStorage.getItem(THEME) ?? (dark ? "dark" : "light");
}

export function setTheme(chosen) {
  sessionStorage.setItem(THEME, chosen);
  applyTheme();
}

/** Without a choice the style sheet follows the system by itself. */
export function applyTheme() {
  const chosen = sessionStorage.getItem(THEME);
  if (chosen) document.documentElement.dataset.theme = chosen;
}
