/** The user's preferences, which this browser keeps: the language and the colours. */

const LANGUAGE = "fastmp.language";
const THEME = "fastmp.theme";

// Read once: a change in another tab must not mix two languages on this one's page.
let chosenLanguage = localStorage.getItem(LANGUAGE);
let chosenTheme = localStorage.getItem(THEME);

/** Returns "zh" or "en": the user's choice, or else the browser's first language. */
export function language() {
  if (chosenLanguage === "zh" || chosenLanguage === "en") return chosenLanguage;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function setLanguage(chosen) {
  chosenLanguage = chosen;
  localStorage.setItem(LANGUAGE, chosen);
}

/** Returns "light" or "dark": the user's choice, or else the system's. */
export function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return chosenTheme ?? (dark ? "dark" : "light");
}

export function setTheme(chosen) {
  chosenTheme = chosen;
  localStorage.setItem(THEME, chosen);
  applyTheme();
}

/** Applies the user's choice; without one, the style sheet follows the system. */
export function applyTheme() {
  if (chosenTheme) document.documentElement.dataset.theme = chosenTheme;
}
