/** Downloads of data fetched with the token, which a plain link cannot send. */

import { element } from "../dom.js";

/** Downloads `blob` as a file called `name`. */
export function saveFile(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  // A download that has started keeps its own reference to the blob.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
