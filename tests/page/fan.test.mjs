import assert from "node:assert/strict";
import test from "node:test";
import { fanPoints } from "../../src/tapeline/web/assets/js/chart/fan.js";

const horizon = (width) => ({ low_50: 100 - width, high_50: 100 + width, low_80: 100 - 2 * width, high_80: 100 + 2 * width, low_95: 100 - 3 * width, high_95: 100 + 3 * width });
const forecast = { timestamp: 30, close: 100, horizons: { 20: horizon(4), 1: horizon(1), 5: horizon(2) } };

test("a fan begins at the close and has a point for each horizon, counted in bars", () => {
  const { bands, least, most, reach } = fanPoints(forecast, [10, 20, 30, 40]);
  assert.deepEqual(bands[80].low, [{ at: 2, value: 100 }, { at: 3, value: 98 }, { at: 7, value: 96 }, { at: 22, value: 92 }]);
  assert.deepEqual(bands[95].high.map(({ value }) => value), [100, 103, 106, 112]);
  assert.deepEqual([least, most, reach], [92, 108, 19]);
});

test("a fan of a bar that is not shown is not drawn", () => {
  assert.equal(fanPoints(forecast, [10, 20]), null);
});
