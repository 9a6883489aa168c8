import assert from "node:assert/strict";
import test from "node:test";

import { ApiError, barsPath, mayChange, outcome, session } from "../../src/tapeline/web/assets/js/api.js";

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
