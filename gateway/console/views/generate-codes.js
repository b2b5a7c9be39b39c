/** For administrators: generating activation codes, copying and saving them. */

import { element, fill } from "../dom.js";
import { t } from "../i18n.js";
import { copy } from "../widgets/clipboard.js";
import { openDialog } from "../widgets/dialogs.js";
import { saveFile } from "../widgets/download.js";
import { field, form } from "../widgets/forms.js";
import { choices, DAYS_FROM } from "./choices.js";

/** Opens the dialog. `made` runs after codes were generated. */
export function generateCodes(app, made) {
  openDialog(t("codes.generate"), (close) => {
    const whole = { type: "number", required: true, step: 1, min: 1, inputmode: "numeric" };
    const fields = [
      field({
        name: "valid_days",
        label: t("codes.days"),
        hint: t("codes.days_hint"),
        wrong: t("codes.days_hint"),
        value: "30",
        max: 3650,
        ...whole,
      }),
      field({
        name: "count",
        label: t("codes.count"),
        hint: t("codes.count_hint"),
        wrong: t("codes.count_hint"),
        value: "10",
        max: 10000,
        ...whole,
      }),
      field({
        name: "days_from",
        label: t("codes.days_from"),
        hint: t("codes.days_from_hint"),
        options: choices("days_from", DAYS_FROM),
      }),
      field({
        name: "redeem_before",
        type: "datetime-local",
        label: t("codes.redeem_before"),
        hint: t("codes.redeem_before_hint"),
        wrong: t("codes.redeem_before_hint"),
      }),
      field({
        name: "note",
        label: t("codes.note"),
        hint: t("codes.note_hint"),
        wrong: t("codes.note_hint"),
        maxlength: 200,
      }),
    ];
    // The same for every try of this dialog, so that a retry after a lost answer returns the same codes.
    const requestId = randomId();
    const body = element("div");
    const act = async ({ valid_days, count, days_from, redeem_before, note }) => {
      const answer = await app.api.post("/activation/generate", {
        valid_days: Number(valid_days),
        count: Number(count),
        days_from,
        ...(redeem_before && { redeem_before: new Date(redeem_before).toISOString() }),
        ...(note && { note }),
        request_id: requestId,
      });
      fill(body, ...result(answer.codes, close));
      body.querySelector("button").focus();
      made();
    };
    fill(
      body,
      form({ fields, submit: t("codes.generate"), extra: [closeButton(close, t("action.cancel"))], act }),
    );
    return body;
  });
}

function result(codes, close) {
  const text = codes.map((code) => code.activation_code).join("\n");
  const list = element("textarea", {
    class: "codes-made",
    readonly: true,
    rows: Math.min(codes.length, 8),
    "aria-label": t("codes.made_label"),
  });
  list.value = text;
  return [
    element("p", { role: "status" }, t("codes.made", { count: codes.length, days: codes[0].valid_days })),
    list,
    element(
      "div",
      { class: "buttons" },
      element(
        "button",
        {
          type: "button",
          class: "button",
          on: { click: () => copy(text, t("copy.codes", { count: codes.length })) },
        },
        t("copy.all"),
      ),
      element(
        "button",
        {
          type: "button",
          class: "button button-plain",
          on: {
            click: () => saveFile(new Blob([`${text}\n`], { type: "text/plain" }), "activation_codes.txt"),
          },
        },
        t("codes.save"),
      ),
      closeButton(close, t("action.close")),
    ),
  ];
}

function closeButton(close, words) {
  return element("button", { type: "button", class: "button button-plain", on: { click: close } }, words);
}

function randomId() {
  // crypto.randomUUID exists only on HTTPS and on localhost.
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
