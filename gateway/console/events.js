/**
 * Follows the events of a WeChat login, reconnecting when a connection breaks.
 *
 * EventSource cannot send the access token, so the text/event-stream is read from fetch.
 */

import { ApiError } from "./api.js";

// A heartbeat comes at least every 15 s.
const SILENCE_MILLISECONDS = 35_000;
const FIRST_PAUSE_MILLISECONDS = 500;
const LONGEST_PAUSE_MILLISECONDS = 10_000;

/**
 * Follows a login to its end: a new one, or from its first event the one with `loginKey`.
 *
 * `onEvent` gets each event once and in order, without heartbeats; `onConnection` gets false when the connection breaks
 * and true when it is restored. Returns after the last event. Throws ApiError if the login cannot be started or can no
 * longer be followed, and AbortError when `signal` is aborted; the login itself continues.
 */
export async function followLogin(api, { loginKey, signal, onEvent, onConnection }) {
  let key = loginKey;
  let sequence = 0;
  let pause = FIRST_PAUSE_MILLISECONDS;
  for (;;) {
    try {
      for await (const event of connect(api, key, sequence, signal)) {
        onConnection(true);
        pause = FIRST_PAUSE_MILLISECONDS;
        key = event.login_key;
        if (event.sequence <= sequence) continue;
        sequence = event.sequence;
        onEvent(event);
        if (event.success || event.failure) return;
      }
    } catch (error) {
      signal.throwIfAborted();
      // Starting a login is not safe to retry: without a key, it is unknown whether one was started.
      if (!key || (error instanceof ApiError && isFinal(error))) throw error;
      pause = Math.max(pause, (error.retryAfter ?? 0) * 1000);
    }
    if (!key) throw new ApiError(0, "GATEWAY_UNREACHABLE", "the stream ended before its first event");
    onConnection(false);
    await rest(pause, signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS);
  }
}

function isFinal(error) {
  return error.status >= 400 && error.status < 500 && error.status !== 429 && error.status !== 408;
}

async function* connect(api, key, sequence, signal) {
  const silence = new AbortController();
  const either = AbortSignal.any([signal, silence.signal]);
  let timer = setTimeout(() => silence.abort(), SILENCE_MILLISECONDS);
  try {
    const body = key
      ? await api.stream("/cookie/watch", {
          query: { login_key: key, after_sequence: sequence },
          signal: either,
        })
      : await api.stream("/cookie/login", { signal: either });
    for await (const event of readEvents(body)) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MILLISECONDS);
      yield event;
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** Yields the parsed data of each event in a text/event-stream (HTML standard, 9.2.6). Drops an incomplete last one. */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (line + value).split(/\r?\n/);
      line = lines.pop();
      for (const one of lines) {
        if (one.startsWith("data:")) {
          data.push(one.slice(one[5] === " " ? 6 : 5));
        } else if (one === "" && data.length > 0) {
          const whole = data.join("\n");
          data = [];
          yield JSON.parse(whole);
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Waits for the time given, or until the browser is online again. */
function rest(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const end = new AbortController();
    const finish = (settle, value) => {
      clearTimeout(timer);
      end.abort();
      settle(value);
    };
    const timer = setTimeout(() => finish(resolve), milliseconds);
    addEventListener("online", () => finish(resolve), { signal: end.signal });
    signal.addEventListener("abort", () => finish(reject, signal.reason), { signal: end.signal });
  });
}
