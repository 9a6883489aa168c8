import assert from "node:assert/strict";
import test from "node:test";

import { gradeText, meaningText } from "../../src/tapeline/web/assets/js/chart/notices.js";
import { knownOutcomes } from "../../src/tapeline/web/assets/js/chart/replay.js";
import { beside } from "../../src/tapeline/web/assets/js/chart/study.js";

test("an overlay far from the price takes a third of the candles' height, and no more", () => {
  const range = (minValue, maxValue) => ({ priceRange: { minValue, maxValue } });
  const span = { low: 100, high: 110 };
  assert.deepEqual(beside(range(50, 105), span), range(96.5, 105));
  assert.deepEqual(beside(range(99, 300), span), range(99, 113.5));
  assert.equal(beside(range(300, 400), span), null);
  assert.deepEqual(beside(range(50, 105), null), range(50, 105));
  assert.equal(beside(null, span), null);
});

test("a grade says of how many bars it is", () => {
  const grade = { predicted: 9, called: 5, answered: 4, hit_rate: { value: 0.5, low: null }, base_rate: 0.75 };
  assert.equal(gradeText({ grades: [grade], rows: 345, per_symbol: 20_000 }), "4 calls decided in all 345 bars: 50.0% right; more frequent direction: 75.0%.");
  assert.equal(gradeText({ grades: [{ ...grade, answered: 0 }], rows: 20_000, per_symbol: 20_000 }), "No UP or DOWN call of the newest 20,000 bars is decided yet.");
  assert.equal(gradeText({ grades: [{ ...grade, called: 0, answered: 0 }], rows: 1948, per_symbol: 20_000 }), "No UP or DOWN call among 1,948 bars.");
  assert.equal(gradeText({ grades: [], rows: 0, per_symbol: 20_000 }), "No predictions yet.");
  assert.equal(meaningText(null), null);
});

test("a replay tells the outcomes of those calls whose closing bar is shown", () => {
  const outcomes = [1, 2, 1, 2, 1, 0];
  assert.deepEqual(knownOutcomes(outcomes, 4, 2), [1, 2, 0, 0]);
  assert.deepEqual(knownOutcomes(outcomes, 6, 1), [1, 2, 1, 2, 1, 0]);
  assert.deepEqual(knownOutcomes(outcomes, 3, null), [0, 0, 0]);
});
