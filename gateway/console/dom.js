/** Functions that build elements. Data becomes text nodes and attributes, never markup. */

/**
 * Returns an element. `on` holds listeners by event; an attribute that is null, undefined or false is left out.
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

/** Replaces the children of `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
}

/** Moves the focus of keyboard and screen reader to an element that is not a control. */
export function focusOn(target) {
  target.setAttribute("tabindex", "-1");
  target.focus({ preventScroll: true });
}

/** Runs `act` periodically until `signal` is aborted. */
export function every(milliseconds, signal, act) {
  const timer = setInterval(act, milliseconds);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
