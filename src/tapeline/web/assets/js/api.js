// Requests to the server, and who is logged in.

export const ROOT = "/api/v1";

// Bars asked for at once.
export const PAGE_BARS = 1000;

const TIMEOUT_MS = 60_000; // a browser has six connections to a server: requests that hang would use them up

export const session = { role: null, name: "", login_needed: false, csrf: "" };
const deniedCallbacks = new Set();
let answered = Promise.resolve(); // once the newest question of who is logged in has its answer
const changes = new Map(); // of each path, once the newest change has its answer

// Calls back when a request is refused because nobody is logged in.
export function whenDenied(callback) {
  deniedCallbacks.add(callback);
}

// A request that failed. `status` is 0 where no answer came; `detail` is the server's text, or what is wrong with a rule.
export class ApiError extends Error {
  constructor(status, detail) {
    super(detail.message ?? detail);
    this.status = status;
    this.detail = detail;
  }
}

async function request(method, path, { body, unattended = false, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  if (unattended) headers["X-Unattended"] = "1"; // nobody made this request: it does not keep the session from ending
  if (method !== "GET") headers["X-CSRF-Token"] = session.csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let text;
  try {
    response = await fetch(ROOT + path, { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS), keepalive, body: body === undefined ? undefined : JSON.stringify(body) });
    text = await response.text();
  } catch (error) {
    const late = `the server has not answered for ${TIMEOUT_MS / 1000} s${method === "GET" ? "" : "; the change may have been made"}`;
    throw new ApiError(0, error.name === "TimeoutError" ? late : "the server cannot be reached");
  }
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError(response.status, `the server answered ${response.status} without JSON`); // a proxy's own page
  }
  if (response.ok) return answer;
  if (response.status === 401 && !path.startsWith("/session")) for (const callback of deniedCallbacks) callback();
  throw new ApiError(response.status, answer?.detail ?? `the server answered ${response.status}`);
}

// Makes the changes of one path one after another, as over several connections a later one may overtake an earlier one. Each
// waits for the session, whose token it needs.
function change(method, path, body) {
  const before = changes.get(path);
  const answer = Promise.resolve(before).then(whoIs).then(() => request(method, path, { body }));
  const ended = answer.catch(() => {}).then(() => { if (changes.get(path) === ended) changes.delete(path); });
  changes.set(path, ended);
  return answer;
}

// Resolves to why the server refuses to stream this; "" where it does not, or cannot be reached.
export async function refusalOf(path) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(ROOT + path, { headers: { "X-Unattended": "1" }, signal: stop.signal });
    return response.ok ? "" : (await response.json()).detail ?? "";
  } catch {
    return "";
  } finally {
    clearTimeout(timer);
    stop.abort(); // a stream would go on
  }
}

export const get = (path, { unattended = false } = {}) => request("GET", path, { unattended });
export const post = (path, body = {}) => change("POST", path, body);
export const put = (path, body) => change("PUT", path, body);
export const putAtTheEnd = (path, body) => request("PUT", path, { body, keepalive: true }); // it outlives the page, and cannot wait
export const patch = (path, body) => change("PATCH", path, body);
export const del = (path) => change("DELETE", path);
export const part = encodeURIComponent;

// Resolves to { value } or, when the request failed, to { error }. Any other error is a bug and stays one.
export async function outcome(answer) {
  try {
    return { value: await answer };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { error };
  }
}

// Whether what failed with this error may be answered later.
export const later = ({ status }) => status === 0 || status >= 500;

// Asks who is logged in. An answer that comes after that to a later question changes nothing.
export function readSession() {
  const asked = get("/session").then((answer) => (newest === answered ? Object.assign(session, answer) : session));
  const newest = asked.catch(() => {});
  answered = newest;
  return asked;
}

// Resolves once it is known who is logged in, or that the server does not say.
export const whoIs = () => answered;

// Whether this user may change things. Without log-ins, every page on this machine may.
export const mayChange = () => session.role === "admin";

// An empty list of indicators asks for none; left out, the server would send the stored ones.
export function barsPath(symbol, { interval, limit, before, indicators }) {
  const query = new URLSearchParams({ limit, indicators: indicators.join(",") });
  if (interval) query.set("interval", interval);
  if (before !== undefined) query.set("before", before);
  return `/symbols/${part(symbol)}/bars?${query}`;
}
