/** Building elements. Data becomes text nodes and attributes, never markup. */

/**
 * An element. `on` holds listeners by event; an attribute that is null, undefined or false is left out.
 * Children that are null or false are left out, too; strings and numbers become text.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(attribute, value === true ? "" : value);
    }
  }
  fill(made, ...children);
  return made;
}

/** Replaces what `parent` holds. */
export function fill(parent, ...children) {
  parent.replaceChildren(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
}

/** Moves the keyboard and the screen reader to an element that is no control. */
export function focusOn(target) {
  target.setAttribute("tabindex", "-1");
  target.focus({ preventScroll: true });
}

/** Runs `act` every so often until `signal` is aborted. */
export function every(milliseconds, signal, act) {
  const timer = setInterval(act, milliseconds);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
