/** A client of the gateway's REST API, with its error format. */

import { language } from "./preferences.js";

const TYPES = "type.googleapis.com/google.rpc.";

/** An error answer. `status` is the HTTP status, 0 if the gateway was not reached; `reason` is a reason of the contract. */
export class ApiError extends Error {
  constructor(status, reason, message, { fields = [], retryAfter = 0, requestId = "" } = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    /** The names of the invalid fields of the request. */
    this.fields = fields;
    /** Seconds after which a retry may succeed; 0 if the answer did not contain a time. */
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }
}

export class Api {
  #session;

  /** Calls send the token of `session`, and end the session when the gateway no longer accepts it. */
  constructor(session) {
    this.#session = session;
  }

  async get(path, { query, signal } = {}) {
    return (await this.#call("GET", path, { query, signal })).json();
  }

  async post(path, body = {}) {
    return (await this.#call("POST", path, { body })).json();
  }

  async put(path, body) {
    return (await this.#call("PUT", path, { body })).json();
  }

  async delete(path) {
    return (await this.#call("DELETE", path)).json();
  }

  /** Returns the body as a Blob: an image or a file. */
  async blob(path, { query, signal } = {}) {
    return (await this.#call("GET", path, { query, signal })).blob();
  }

  /** Returns the body as a ReadableStream. */
  async stream(path, { query, signal } = {}) {
    return (await this.#call("GET", path, { query, signal })).body;
  }

  async #call(method, path, { query = {}, body, signal } = {}) {
    const given = Object.entries(query).filter(
      ([, value]) => value !== "" && value !== undefined && value !== null,
    );
    const search = new URLSearchParams(given).toString();
    const token = this.#session.token;
    const headers = { "Accept-Language": language() };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const options = { method, headers, signal, cache: "no-store", credentials: "omit", redirect: "error" };
    if (body !== undefined) options.body = JSON.stringify(body);
    let response;
    try {
      response = await fetch(search ? `${path}?${search}` : path, options);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, "GATEWAY_UNREACHABLE", error.message);
    }
    if (response.ok) return response;
    const refusal = await readRefusal(response);
    // If the token has been replaced meanwhile, the answer does not apply to the new one.
    if (refusal.reason.startsWith("TOKEN_") && token === this.#session.token) this.#session.end("expired");
    throw refusal;
  }
}

async function readRefusal(response) {
  let body;
  try {
    body = await response.json();
  } catch {
    return new ApiError(response.status, "INTERNAL", response.statusText);
  }
  const detail = (type) => (body.details ?? []).find((one) => one["@type"] === TYPES + type) ?? {};
  return new ApiError(response.status, detail("ErrorInfo").reason ?? "INTERNAL", body.message ?? "", {
    fields: (detail("BadRequest").field_violations ?? []).map((violation) => violation.field),
    retryAfter: Math.ceil(parseFloat(detail("RetryInfo").retry_delay ?? "0")),
    requestId: detail("RequestInfo").request_id ?? "",
  });
}

/** Whether the error only means that the request was aborted, for example because the user has left the page. */
export function isAbort(error) {
  return error?.name === "AbortError";
}
