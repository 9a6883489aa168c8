import assert from "node:assert/strict";
import test from "node:test";

import { ApiError, barsPath, del, mayChange, outcome, post, put, readSession, refusalOf, session } from "../../src/tapeline/web/assets/js/api.js";

test("the address of bars escapes odd symbols and says when no indicators are wanted", () => {
  const path = barsPath("BRK/B?", { interval: "5m", limit: 10, before: 0, indicators: ["sma_20", "rsi_14"] });
  assert.equal(path, "/symbols/BRK%2FB%3F/bars?limit=10&indicators=sma_20%2Crsi_14&interval=5m&before=0");
  assert.equal(barsPath("A", { limit: 1, indicators: [] }), "/symbols/A/bars?limit=1&indicators=");
});

test("a refusal is an outcome, a bug stays an error", async () => {
  assert.deepEqual(await outcome(Promise.resolve(7)), { value: 7 });
  const refusal = new ApiError(404, "no such symbol");
  assert.equal((await outcome(Promise.reject(refusal))).error, refusal);
  await assert.rejects(outcome(Promise.reject(new TypeError("a bug"))), TypeError);
});

test("a rule's fault keeps its place", () => {
  const { message, status, detail } = new ApiError(422, { message: "column 9: wrong", place: 8, length: 2 });
  assert.deepEqual([message, status, detail.place], ["column 9: wrong", 422, 8]);
});

test("only an administrator may change things", () => {
  for (const [role, allowed] of [[null, false], ["viewer", false], ["admin", true]]) {
    session.role = role;
    assert.equal(mayChange(), allowed);
  }
});

// Runs `work` with answers that come when it says so: a list of { path, method, token, answer }.
async function asking(work) {
  const real = globalThis.fetch;
  const asked = [];
  globalThis.fetch = (path, { method, headers }) => new Promise((done) => asked.push({
    path, method, token: headers["X-CSRF-Token"], answer: (value) => done({ ok: true, status: 200, text: async () => JSON.stringify(value) }),
  }));
  try {
    await work(asked);
  } finally {
    globalThis.fetch = real;
  }
}

const settled = () => new Promise((done) => setTimeout(done));

test("a change waits for the session and for the change of the same path before it", () => asking(async (asked) => {
  const who = readSession();
  const [first, second, other] = [post("/one"), del("/one"), put("/other", 3)];
  await settled();
  assert.deepEqual(asked.map(({ path }) => path), ["/api/v1/session"]);
  asked[0].answer({ csrf: "abc" });
  await who;
  await settled();
  assert.deepEqual(asked.slice(1).map(({ method, path, token }) => [method, path, token]), [["POST", "/api/v1/one", "abc"], ["PUT", "/api/v1/other", "abc"]]);
  asked[1].answer(1);
  assert.equal(await first, 1);
  await settled();
  assert.deepEqual([asked[3].method, asked[3].path], ["DELETE", "/api/v1/one"]);
  asked[3].answer(2);
  assert.equal(await second, 2);
  asked[2].answer(3);
  assert.equal(await other, 3);
}));

test("a change without an answer ends with what is not known", () => asking(async () => {
  const { timeout } = AbortSignal;
  AbortSignal.timeout = () => AbortSignal.abort(new DOMException("late", "TimeoutError"));
  globalThis.fetch = async (_, { signal }) => signal.throwIfAborted();
  const { error } = await outcome(put("/late", {}));
  AbortSignal.timeout = timeout;
  assert.equal(error.message, "the server has not answered for 60 s; the change may have been made");
}));

test("a stream that is refused says why, one that is not ends at once", () => asking(async () => {
  let signal;
  globalThis.fetch = async (_, options) => {
    ({ signal } = options);
    return { ok: false, json: async () => ({ detail: "too many" }) };
  };
  assert.equal(await refusalOf("/events"), "too many");
  globalThis.fetch = async (_, options) => {
    ({ signal } = options);
    return { ok: true };
  };
  assert.equal(await refusalOf("/events"), "");
  assert.equal(signal.aborted, true);
  globalThis.fetch = async () => { throw new TypeError("unreachable"); };
  assert.equal(await refusalOf("/events"), "");
}));

test("the answer to the newest question says who is logged in", () => asking(async (asked) => {
  const [earlier, later] = [readSession(), readSession()];
  asked[1].answer({ csrf: "new" });
  asked[0].answer({ csrf: "old" });
  await Promise.all([earlier, later]);
  assert.equal(session.csrf, "new");
}));
