/** Shows the logins that wait for a phone, and does with them what a person's phone would do. */

const WORDS = {
  zh: {
    title: "模拟手机",
    what: "这里代替真实的微信：在控制台开始扫码后，用下面的按钮扫描、选择和确认。",
    language: "English",
    none: "没有等待扫描的二维码。请在控制台打开「扫码登录」并开始。",
    gone: "模拟的微信没有回应：make try 是否还在运行？",
    "stage.qr_issued": "二维码正在等待扫描",
    "stage.scanned": "已扫描，请确认登录",
    "stage.choose": "已扫描，请选择公众号并确认",
    "stage.nothing": "这个微信没有可登录的公众号",
    "stage.confirmed": "已确认「{account}」，FastMP 正在登录",
    "stage.cancelled": "已取消，FastMP 会换一个新的二维码",
    "stage.expired": "二维码已过期，FastMP 会换一个新的",
    "stage.logged_in": "「{account}」已登录",
    again: "第 {number} 个二维码",
    scan_many: "扫码（管理多个公众号）",
    scan_one: "扫码（管理一个公众号）",
    scan_none: "扫码（没有公众号）",
    account: "公众号",
    confirm: "确认登录",
    cancel: "取消登录",
    expire: "让二维码过期",
  },
  en: {
    title: "The emulated phone",
    what: "It stands in for a real WeChat: start a login in the console, then scan, choose and confirm here.",
    language: "中文",
    none: "No QR code waits for a scan. Open “Scan” in the console and start a login.",
    gone: "The emulated WeChat does not answer. Is make try still running?",
    "stage.qr_issued": "A QR code waits for a scan",
    "stage.scanned": "Scanned. Please confirm the login",
    "stage.choose": "Scanned. Please choose an official account and confirm",
    "stage.nothing": "This WeChat user has no official account",
    "stage.confirmed": "Confirmed {account}. FastMP is logging in",
    "stage.cancelled": "Cancelled. FastMP gets a new QR code",
    "stage.expired": "The QR code has expired. FastMP gets a new one",
    "stage.logged_in": "{account} is logged in",
    again: "QR code number {number}",
    scan_many: "Scan, with several official accounts",
    scan_one: "Scan, with one official account",
    scan_none: "Scan, without an official account",
    account: "Official account",
    confirm: "Confirm the login",
    cancel: "Cancel the login",
    expire: "Let the QR code expire",
  },
};
const POLL_MILLISECONDS = 700;

let language = navigator.language.startsWith("zh") ? "zh" : "en";
let shown = "";

function t(key, values = {}) {
  return WORDS[language][key].replace(/\{([a-z]+)\}/g, (_, name) => values[name]);
}

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/** Shows the page's own words again, and the logins at the next poll. */
function speak() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.querySelector("h1").textContent = t("title");
  document.querySelector(".what").textContent = t("what");
  document.querySelector("#language").textContent = t("language");
  shown = "";
}

function say(words) {
  document.querySelector("#problem").textContent = words;
}

async function act(body) {
  const answer = await fetch("acts", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  say(answer.ok ? "" : ((await answer.json().catch(() => ({}))).error ?? answer.statusText));
  await refresh();
}

function button(words, body, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, t(words));
  made.addEventListener("click", () => act(body()).catch(() => say(t("gone"))));
  return made;
}

/** Returns the buttons for a login at its stage. */
function hands({ uuid: login, stage, account, acct_size: size }, accounts) {
  const does = (name, details = {}) => () => ({ login, act: name, ...details });
  const expire = button("expire", does("expire"));
  if (stage === "qr_issued") {
    const [first] = accounts;
    return [
      button("scan_many", does("scan", { account: first, acct_size: accounts.length }), { class: "main" }),
      button("scan_one", does("scan", { account: first, acct_size: 1 })),
      button("scan_none", does("scan", { acct_size: 0 })),
      expire,
    ];
  }
  if (stage !== "scanned") return [];
  const cancel = button("cancel", does("cancel"));
  if (size === 0) return [cancel, expire];
  if (size === 1) return [button("confirm", does("confirm"), { class: "main" }), cancel, expire];
  const choice = element("select", {}, ...accounts.map((name) => element("option", {}, name)));
  choice.value = account;
  const confirm = () => ({ login, act: "confirm", account: choice.value });
  return [
    element("label", {}, t("account"), choice),
    button("confirm", confirm, { class: "main" }),
    cancel,
    expire,
  ];
}

function wordsOf({ stage, acct_size: size }) {
  if (stage === "scanned" && size !== 1) return size === 0 ? "stage.nothing" : "stage.choose";
  return `stage.${stage}`;
}

function card(login, accounts) {
  const status = element("p", {}, t(wordsOf(login), login));
  const count =
    login.qr_codes > 1 ? [element("p", { class: "note" }, t("again", { number: login.qr_codes }))] : [];
  return element("li", {}, status, ...count, ...hands(login, accounts));
}

async function refresh() {
  const text = await (await fetch("logins")).text();
  if (text === shown) return;
  const { logins, accounts } = JSON.parse(text);
  const waiting = logins.filter(({ stage }) => WORDS.en[`stage.${stage}`]);
  document
    .querySelector("#logins")
    .replaceChildren(
      ...(waiting.length
        ? waiting.map((login) => card(login, accounts))
        : [element("li", {}, element("p", { class: "note" }, t("none")))]),
    );
  shown = text;
}

async function poll() {
  try {
    await refresh();
    if (document.querySelector("#problem").textContent === t("gone")) say("");
  } catch {
    say(t("gone"));
  }
  setTimeout(poll, POLL_MILLISECONDS);
}

document.querySelector("#language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  speak();
});
speak();
poll();
