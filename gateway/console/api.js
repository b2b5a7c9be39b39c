/** Calls of the gateway's REST paths, and its one error shape. */

const TYPES = "type.googleapis.com/google.rpc.";

/** A refusal. `status` is HTTP's, 0 when the gateway was not reached; `reason` is one of the contract's. */
export class ApiError extends Error {
  constructor(status, reason, message, { fields = [], retryAfter = 0, requestId = "" } = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    /** The names of the request's fields that are wrong. */
    this.fields = fields;
    /** Seconds after which a repeat may succeed; 0 when nothing was said. */
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }
}

export class Api {
  #session;

  /** Sends the session's token with each call, and ends the session when the gateway no longer accepts it. */
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

  /** The body as a Blob: an image or a file. */
  async blob(path, { query, signal } = {}) {
    return (await this.#call("GET", path, { query, signal })).blob();
  }

  /** The body as it comes. */
  async stream(path, { query, signal } = {}) {
    return (await this.#call("GET", path, { query, signal })).body;
  }

  async #call(method, path, { query = {}, body, signal } = {}) {
    const given = Object.entries(query).filter(
      ([, value]) => value !== "" && value !== undefined && value !== null,
    );
    const search = new URLSearchParams(given).toString();
    const token = this.#session.token;
    const headers = {};
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
    // An answer to a token that has been replaced meanwhile says nothing about the new one.
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

/** An error that only says that the person has gone on to something else. */
export function isAbort(error) {
  return error?.name === "AbortError";
}
