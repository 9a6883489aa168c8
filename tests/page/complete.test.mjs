import assert from "node:assert/strict";
import test from "node:test";

import { completions, wordAt } from "../../src/tapeline/web/assets/js/alerts/complete.js";
import { rehearsalText } from "../../src/tapeline/web/assets/js/alerts/preview.js";

const NAMES = [
  { name: "price", about: "the close" }, { name: "sma_20", about: "Simple moving average" }, { name: "rsi_14", about: "Relative strength index" },
  { name: "kama_30", about: "Adaptive line: up to 30 days and more" },
  { name: "macd_12_26_9_signal", about: "Moving average convergence/divergence: signal" },
];
const offered = (text, caret = text.length) => completions(text, caret, NAMES, ["AAPL", "MSFT"]).map(({ name }) => name);

test("names are completed by beginning, part and meaning, symbols after `for`", () => {
  assert.deepEqual(offered("rs"), ["rsi_14"]);
  assert.deepEqual(offered("price > SM"), ["sma_20"]);
  assert.deepEqual(offered("sig"), ["macd_12_26_9_signal"]);
  assert.deepEqual(offered("moving"), ["sma_20", "macd_12_26_9_signal"]);
  assert.deepEqual(offered("price"), [], "it is whole");
  assert.deepEqual(offered("price > "), []);
  assert.deepEqual(offered("rs < 30", 2), ["rsi_14"], "at the caret, not at the end");
  assert.deepEqual(offered("rsi < 30 for "), ["AAPL", "MSFT"]);
  assert.deepEqual(offered("rsi < 30 for AAPL, m"), ["MSFT"]);
  assert.deepEqual(offered("rsi < 30 for AAPL m"), ["macd_12_26_9_signal"]);
  assert.deepEqual(offered("no bar for "), []);
  assert.deepEqual(wordAt("price>sm", 8), { word: "sm", before: "price>" });
});

test("what ends a finished rule is not completed: a number, a unit, a word of the grammar", () => {
  for (const rule of ["rsi_14 < 30", "price > -3", "rsi_14 < 30 and", "price rises 3% in 5 days", "prediction changes to UP", "price > sma_20 on forming bars"]) {
    assert.deepEqual(offered(rule), [], rule);
  }
  assert.deepEqual(offered("rsi_14 < 30 and ka"), ["kama_30"]);
});

test("how often a rule would have fired is said in words", () => {
  assert.equal(rehearsalText({ times: 3, bars: 9, complete: true }, 7), "Would have fired 3 times in the last 7 days.");
  assert.equal(rehearsalText({ times: 1, bars: 2000, complete: false }, 7), "Would have fired once in the last 7 days, of the first 2,000 bars.");
  assert.equal(rehearsalText({ times: 0, bars: 9, complete: true }, 7), "Would not have fired in the last 7 days.");
  assert.equal(rehearsalText({ times: 0, bars: 0, complete: true }, 7), "There are no stored bars to try it on.");
});
