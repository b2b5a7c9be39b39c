/** What a page keeps behind its name in the URL's fragment, so that the browser's Back and a reload restore it. */

/** Returns the values in the URL, by name. */
export function addressValues() {
  const [, query = ""] = location.hash.split("?");
  return Object.fromEntries(new URLSearchParams(query));
}

/** Returns the fragment of a page with `values`, of which empty ones are omitted. */
export function addressOf(page, values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString();
  return `#/${page}${query && `?${query}`}`;
}

/** Adds an entry to the browser's history, unless it is the current one. The page is not drawn again. */
export function remember(page, values) {
  const address = addressOf(page, values);
  if (location.hash !== address) history.pushState(null, "", address);
}
