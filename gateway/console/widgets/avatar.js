/** The picture of an official account. It needs the token, so it is fetched and shown as a blob. */

import { ApiError, isAbort } from "../api.js";
import { element } from "../dom.js";

/** Returns an element that shows the first letter of the name until the picture is loaded, or if there is none. */
export function avatar(app, cookie, signal) {
  const letter = [...(cookie.name || "·")][0];
  const frame = element("span", { class: "avatar", "aria-hidden": "true" }, letter);
  if (cookie.avatar) load(app, cookie.avatar, frame, signal);
  return frame;
}

async function load(app, path, frame, signal) {
  try {
    const picture = await app.api.blob(path, { signal });
    const address = URL.createObjectURL(picture);
    signal.addEventListener("abort", () => URL.revokeObjectURL(address), { once: true });
    const image = element("img", { src: address, alt: "", width: 56, height: 56 });
    await image.decode();
    frame.replaceChildren(image);
  } catch (error) {
    // Without a picture, the letter stays.
    if (!isAbort(error) && !(error instanceof ApiError) && error.name !== "EncodingError") throw error;
  }
}
