/** The parts of the scan page that change while a login is running. Each `show` takes the login's state. */

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { STEPS, canBeScanned, stepOf } from "../scan-progress.js";
import { countdown, millisecondsLeft } from "../time.js";
import { saveFile } from "../widgets/download.js";
import { icon } from "../widgets/icons.js";

/** The QR code's frame, which keeps its size while there is no code or a used one. */
export class QrPicture {
  #address = null;
  #shown = null;

  constructor(signal) {
    this.image = element("img", {
      class: "qr-image",
      alt: t("scan.qr_alt"),
      width: 264,
      height: 264,
      hidden: true,
    });
    this.veil = element("div", { class: "qr-veil" });
    this.element = element("div", { class: "qr" }, this.image, this.veil);
    signal.addEventListener("abort", () => URL.revokeObjectURL(this.#address), { once: true });
  }

  show(state) {
    if (state.qr && state.qr !== this.#shown) this.#draw(state.qr);
    const isBeyond = state.qr && stepOf(state) > 1;
    this.element.dataset.state = canBeScanned(state) ? "ready" : isBeyond ? "used" : "waiting";
    fill(
      this.veil,
      isBeyond && icon("check"),
      isBeyond
        ? t("scan.qr_used")
        : canBeScanned(state)
          ? null
          : t(state.isReplacing ? "scan.qr_replacing" : "scan.qr_waiting"),
    );
  }

  #draw(qr) {
    URL.revokeObjectURL(this.#address);
    this.#address = URL.createObjectURL(pictureOf(qr));
    this.image.src = this.#address;
    this.image.hidden = false;
    this.#shown = qr;
  }
}

/** The steps, with the current one marked. */
export function stepList() {
  const items = STEPS.map((step, index) =>
    element(
      "li",
      { class: "step" },
      element("span", { class: "step-mark", "aria-hidden": "true" }, String(index + 1)),
      element("span", {}, t(`step.${step}`)),
    ),
  );
  const show = (state) => {
    const present = stepOf(state);
    items.forEach((item, index) => {
      item.dataset.state = index < present ? "done" : index === present ? "present" : "ahead";
      if (index === present) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
      item.firstChild.replaceChildren(index < present ? icon("check") : String(index + 1));
    });
  };
  return { element: element("ol", { class: "steps", "aria-label": t("scan.steps") }, ...items), show };
}

/** The current stage in a sentence, which screen readers announce when it changes. */
export function statusLine() {
  const words = element("p", { class: "scan-status", role: "status", "aria-live": "polite" });
  const show = (state) => {
    const known = t(state.isReplacing ? "stage.replacing" : `stage.${state.stage}`);
    // The server's message says more, for example why a code is replaced.
    const sentence = state.message || known;
    // Setting the same text again would make screen readers repeat it.
    if (words.textContent !== sentence) words.textContent = sentence;
  };
  return { element: words, show };
}

/** A notice, shown while the connection is broken, that the login continues. */
export function connectionBanner() {
  const banner = element("p", { class: "banner banner-wait", role: "status", hidden: true });
  const show = (isBroken) => {
    banner.hidden = !isBroken;
    banner.textContent = isBroken ? t("scan.reconnecting") : "";
  };
  return { element: banner, show };
}

/** Why the code on the screen is a new one. */
export function renewalBanner() {
  const banner = element("p", { class: "banner banner-wait scan-renewal", role: "status", hidden: true });
  const show = (state) => {
    banner.hidden = !state.renewed || !canBeScanned(state);
    const words = banner.hidden ? "" : t(`scan.renewed_${state.renewed}`);
    if (banner.textContent !== words) banner.textContent = words;
  };
  return { element: banner, show };
}

/** What to do without a second device to scan with. The style sheet shows it on phones. */
export function oneDeviceHint() {
  let qr = null;
  const save = element("button", { type: "button", class: "button button-plain" }, t("scan.save_qr"));
  save.addEventListener("click", () => saveFile(pictureOf(qr), "wechat-login.jpg"));
  const hint = element("div", { class: "scan-one-device" }, element("p", {}, t("scan.one_device")), save);
  const show = (state) => {
    qr = state.qr;
    hint.hidden = !canBeScanned(state);
  };
  return { element: hint, show };
}

function pictureOf(qr) {
  const bytes = Uint8Array.from(atob(qr.image), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: qr.content_type });
}

/** The time for which the code on the screen is valid. Hidden from screen readers, because it changes every second. */
export function countdownLine() {
  const line = element("p", { class: "scan-countdown muted", "aria-hidden": "true" });
  const show = (state) => {
    const left = state.qr ? millisecondsLeft(state.qr.expire_time) : 0;
    line.textContent = canBeScanned(state) && left > 0 ? t("scan.qr_left", { time: countdown(left) }) : "";
  };
  return { element: line, show };
}
