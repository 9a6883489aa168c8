import assert from "node:assert/strict";
import test from "node:test";

import { figuresOf, volatilityOf } from "../../src/tapeline/web/assets/js/about/figures.js";

const DAY = 86_400_000;
const near = (value, expected) => assert.equal(Math.abs(value - expected) < 1e-9, true, `${value} beside ${expected}`);

test("ranges and returns are those of the daily bars, and none is made up where they begin later", () => {
  const days = 400;
  const first = Date.UTC(2025, 0, 1);
  const c = Array.from({ length: days }, (_, i) => 100 + i);
  const columns = { t: c.map((_, i) => first + i * DAY), c, h: c.map((close) => close + 1), l: c.map((close) => close - 1), v: c.map((_, i) => (i === days - 1 ? 30 : 10)) };
  const found = figuresOf(columns);
  assert.deepEqual(found.day, { low: 498, high: 500, at: 0.5 });
  assert.deepEqual([found.year.low, found.year.high, found.year.since], [134, 500, null]);
  assert.deepEqual(found.volume, { last: 30, mean: 10 });
  const returns = Object.fromEntries(found.returns);
  near(returns["1 day"], 499 / 498 - 1);
  near(returns["1 week"], 499 / 492 - 1);
  near(returns["1 year"], 499 / 134 - 1);
  near(returns["since 1 January"], 499 / 464 - 1); // 2026 begins after 365 of the days
  const few = figuresOf({ t: [first, first + DAY], c: [10, 11], h: [10, 12], l: [9, 10], v: [1, 2] });
  assert.deepEqual([few.year.since, few.volatility, Object.fromEntries(few.returns)["1 week"]], [first, null, null]);
  assert.equal(figuresOf({ t: [], c: [], h: [], l: [], v: [] }), null);
});

test("a volatility is a deviation a year, and stands among those before it", () => {
  const calm = Array.from({ length: 60 }, (_, i) => 100 * (i % 2 ? 1.001 : 1));
  const wild = Array.from({ length: 20 }, (_, i) => 100 * (i % 2 ? 1.05 : 1));
  const { now, rank } = volatilityOf([...calm, ...wild]);
  assert.equal(now > 0.5 && now < 1, true);
  assert.equal(rank > 0.95, true);
  assert.equal(volatilityOf(calm.slice(0, 15)), null);
});
