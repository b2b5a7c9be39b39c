/** Saving what was fetched with the token, which a plain link cannot send. */

import { element } from "../dom.js";

/** Offers `blob` as a file called `name`. */
export function saveFile(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  // The download has its own hold on the blob once it has started.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
