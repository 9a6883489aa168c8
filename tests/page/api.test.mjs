import assert from "node:assert/strict";
import test from "node:test";

import { ApiError, barsPath, mayChange, outcome, session } from "../../src/tapeline/web/assets/js/api.js";
import { gradeText, stateText } from "../../src/tapeline/web/assets/js/chart/notices.js";

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

test("the grade below the chart tells no calls, none decided and a share apart", () => {
  const grade = { predicted: 9, answered: 0, hit_rate: { value: null, low: null, high: null }, base_rate: null };
  assert.equal(gradeText(undefined), "No predictions yet.");
  assert.equal(gradeText({ ...grade, predicted: 0 }), "No predictions yet.");
  assert.equal(gradeText(grade), "No UP or DOWN call is decided yet.");
  const decided = { ...grade, answered: 1200, hit_rate: { value: 0.51, low: 0.48, high: 0.54 }, base_rate: 0.52 };
  assert.equal(gradeText(decided), "1,200 calls decided: 51.0% (48.0% to 54.0%) right; more frequent direction: 52.0%.");
});

test("a chart without bars says why", () => {
  for (const state of ["loading", "empty", "no bars", "unknown", "error"]) assert.equal(stateText(state, "ABC", "why").length, 2);
  assert.deepEqual(stateText("unknown", "ABC", "there are no bars of ABC"), ["Nothing to show", "there are no bars of ABC."]);
});
