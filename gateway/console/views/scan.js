/** Logging an official account in: the QR code and the stages, updated live. */

import { isAbort } from "../api.js";
import { element, every, fill, focusOn } from "../dom.js";
import { followLogin } from "../events.js";
import { t } from "../i18n.js";
import { BEGINNING, advance } from "../scan-progress.js";
import { icon } from "../widgets/icons.js";
import { problemBox } from "../widgets/problem.js";
import { redeemLink } from "../widgets/redeem-link.js";
import { ended } from "./scan-ending.js";
import {
  QrPicture,
  connectionBanner,
  countdownLine,
  oneDeviceHint,
  renewalBanner,
  statusLine,
  stepList,
} from "./scan-parts.js";

export function scanView(app, signal) {
  const body = element("div", { class: "scan" });
  if (!app.session.isActive) fill(body, needsActivation(app));
  else if (app.session.loginKey) follow(app, signal, body);
  else
    fill(
      body,
      invitation(() => follow(app, signal, body)),
    );
  return element("div", { class: "view" }, element("h1", {}, t("scan.title")), body);
}

function needsActivation(app) {
  return element(
    "section",
    { class: "card empty" },
    icon("codes"),
    element("h2", {}, t("scan.needs_activation")),
    element("p", { class: "muted" }, t("home.needs_code")),
    app.session.needsCode && element("p", {}, redeemLink()),
  );
}

function invitation(begin) {
  return element(
    "section",
    { class: "card empty" },
    icon("phone"),
    element("h2", {}, t("scan.ready")),
    element("p", { class: "muted" }, t("scan.how")),
    element(
      "p",
      {},
      element(
        "button",
        { type: "button", class: "button button-large", on: { click: begin } },
        icon("scan"),
        t("scan.begin"),
      ),
    ),
  );
}

/** Follows the tab's login, or starts one, and draws it until it has ended or the user leaves the page. */
async function follow(app, signal, body) {
  const qr = new QrPicture(signal);
  const steps = stepList();
  const status = statusLine();
  const banner = connectionBanner();
  const renewal = renewalBanner();
  const hint = oneDeviceHint();
  const timer = countdownLine();
  const problem = element("div");
  const cancel = element(
    "button",
    { type: "button", class: "button button-plain", disabled: true },
    t("scan.cancel"),
  );
  const words = element(
    "div",
    { class: "scan-words" },
    status.element,
    renewal.element,
    steps.element,
    banner.element,
    problem,
    element("div", { class: "buttons" }, cancel),
    hint.element,
  );
  const picture = element("div", { class: "scan-picture" }, qr.element, timer.element);
  fill(body, element("section", { class: "card scan-card" }, picture, words));
  focusOn(status.element);

  let state = BEGINNING;
  const draw = () => {
    qr.show(state);
    steps.show(state);
    status.show(state);
    renewal.show(state);
    hint.show(state);
    timer.show(state);
    cancel.disabled = state.loginKey === null;
  };
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    try {
      await app.api.post("/cookie/cancel", { login_key: state.loginKey });
    } catch (error) {
      fill(problem, problemBox(error));
      cancel.disabled = false;
    }
  });
  every(1000, signal, () => timer.show(state));
  draw();
  const again = () => follow(app, signal, body);
  try {
    await followLogin(app.api, {
      loginKey: app.session.loginKey,
      signal,
      onEvent: (event) => {
        state = advance(state, event);
        app.session.loginKey = state.loginKey;
        draw();
      },
      onConnection: (stands) => banner.show(!stands),
    });
  } catch (error) {
    if (isAbort(error)) return;
    app.session.loginKey = null;
    fill(body, element("section", { class: "card" }, problemBox(error, again)));
    return;
  }
  app.session.loginKey = null;
  fill(body, ended(app, signal, state, again));
  focusOn(body.querySelector("h2"));
}
