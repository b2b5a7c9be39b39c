// Logs an official account in with the types that openapi-typescript made, and writes what came as JSON lines.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type LoginEvent = components["schemas"]["LoginEvent"];
const DATA = "data: ";

async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<LoginEvent> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith(DATA)) yield JSON.parse(line.slice(DATA.length)) as LoginEvent;
    }
  }
}

function say(facts: object): void {
  console.log(JSON.stringify(facts));
}

const client = createClient<paths>({
  baseUrl: process.env.SERVER,
  headers: { Authorization: `Bearer ${process.env.TOKEN}` },
});

const started = await client.GET("/cookie/login", { parseAs: "stream" });
if (started.error) throw new Error(started.error.message);
let key = "";
for await (const event of events(started.data as ReadableStream<Uint8Array>)) {
  key = event.login_key;
  if (event.qr_code) say({ qr: event.qr_code.url });
}
const cookies = await client.GET("/cookie/list");
if (cookies.error) throw new Error(cookies.error.message);
const { name, token } = cookies.data.items[0];
const avatar = await client.GET("/static/cookies/{token}/avatar.jpg", {
  params: { path: { token } },
  parseAs: "arrayBuffer",
});
if (avatar.error) throw new Error(avatar.error.message);
say({ name, avatar: Buffer.from(avatar.data).subarray(0, 4).toString("hex") });
const watched = await client.GET("/cookie/watch", {
  params: { query: { login_key: key } },
  parseAs: "text",
});
if (watched.error) throw new Error(watched.error.message);
const last = watched.data.trimEnd().split("\n").findLast((line) => line.startsWith(DATA)) ?? "";
say({ succeeded: "success" in JSON.parse(last.slice(DATA.length)) });
