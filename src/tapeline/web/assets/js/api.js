// The way to the server: requests, the stream of events, and who is logged in.

const ROOT = "/api/v1";

// Bars asked for at once.
export const PAGE_BARS = 1000;

const PATIENCE_MS = 60_000; // a browser has six connections to a server: those that hang would use them up

export const session = { role: null, name: null, login_needed: false, csrf: "" };
const denied = new Set();

// Calls back when a request is refused for want of a log-in.
export function whenDenied(callback) {
  denied.add(callback);
}

export class ApiError extends Error {
  constructor(status, detail) {
    super(typeof detail === "string" ? detail : detail?.message ?? `the server answers ${status}`);
    this.status = status;
    this.detail = detail;
  }
}

async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = session.csrf ?? "";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let text;
  try {
    const signal = method === "GET" ? AbortSignal.timeout(PATIENCE_MS) : undefined; // a change may have been made: it is waited for
    response = await fetch(ROOT + path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
    text = await response.text();
  } catch (error) {
    throw new ApiError(0, error.name === "TimeoutError" ? `the server has not answered for ${PATIENCE_MS / 1000} s` : "the server cannot be reached");
  }
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError(response.status, `the server answers ${response.status} and no JSON`);
  }
  if (response.ok) return answer;
  if (response.status === 401 && !path.startsWith("/session")) for (const callback of denied) callback();
  throw new ApiError(response.status, detailOf(answer));
}

// FastAPI's own refusals are lists of what is wrong with which field.
function detailOf(answer) {
  const detail = answer?.detail;
  if (Array.isArray(detail)) return detail.map((one) => one.msg ?? String(one)).join("; ");
  return detail;
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const del = (path) => ask("DELETE", path);
export const part = encodeURIComponent;

export async function readSession() {
  Object.assign(session, await get("/session"));
  return session;
}

// Whether this user may change things. Without a log-in, a page on this machine may.
export const mayChange = () => session.role === "admin";

export function barsPath(symbol, { interval, limit, before, indicators = [] }) {
  const query = new URLSearchParams({ limit, indicators: indicators.join(",") }); // empty: none, left out: the stored ones
  if (interval) query.set("interval", interval);
  if (before !== undefined) query.set("before", before);
  return `/symbols/${part(symbol)}/bars?${query}`;
}

const RETRY_MS = [500, 1000, 2000, 5000, 10_000];
const SILENCE_MS = 20_000; // the server says something every 5 s; a connection can die without a word, as in a laptop's sleep

// The stream of events. `on` maps event names to functions; `state` hears "connecting", "live" and "lost".
export class Events {
  constructor(on, state) {
    this._on = on;
    this._state = state;
    this._source = null;
    this._query = "";
    this._failures = 0;
    this._timer = 0;
    this._heard = 0;
    setInterval(() => this._source && this._source.readyState !== EventSource.CLOSED && performance.now() - this._heard > SILENCE_MS && this._lose(), SILENCE_MS / 10);
  }

  // Listens for this symbol's bars; null: for quotes and status only.
  open(symbol, interval, indicators) {
    const query = String(new URLSearchParams(symbol ? { symbol, interval, indicators: indicators.join(",") } : {}));
    if (this.isOpen && query === this._query && this._source.readyState !== EventSource.CLOSED) return;
    this._query = query;
    this._connect();
  }

  get isOpen() {
    return this._source !== null;
  }

  close() {
    clearTimeout(this._timer);
    this._source?.close();
    this._source = null;
  }

  _connect() {
    this.close();
    const source = new EventSource(`${ROOT}/events?${this._query}`);
    this._source = source;
    this._heard = performance.now();
    source.onopen = () => {
      this._heard = performance.now();
      this._failures = 0;
      this._state("live");
    };
    source.onerror = () => {
      if (source === this._source) this._lose();
    };
    for (const [name, callback] of Object.entries({ beat: () => {}, ...this._on })) {
      source.addEventListener(name, (event) => {
        if (source !== this._source) return;
        this._heard = performance.now();
        callback(JSON.parse(event.data));
      });
    }
  }

  _lose() {
    this._source.close(); // the browser's own retry stops for good at an HTTP error
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._connect(), RETRY_MS[Math.min(this._failures++, RETRY_MS.length - 1)]);
    this._state("lost");
  }
}
