import assert from "node:assert/strict";
import test from "node:test";

import { PHASES, freshness, marketText, newestOf, nextChange } from "../../src/tapeline/web/assets/js/market.js";

const zone = "America/New_York";
const OPENS = Date.UTC(2026, 10, 23, 14, 30); // Monday 09:30 in New York
const CLOSES = OPENS + 23_400_000;
const HOUR = 3_600_000;

test("an open market says when it closes, a closed one when regular trading begins", () => {
  assert.equal(marketText({ phase: "open", next: CLOSES, opens: OPENS + 24 * HOUR, zone }), "Open · closes Mon 16:00 EST");
  assert.equal(marketText({ phase: "closed", next: OPENS - 5.5 * HOUR, opens: OPENS, zone }), "Closed · opens Mon 09:30 EST");
  assert.equal(marketText({ phase: "pre", next: OPENS, opens: OPENS, zone }), "Pre-market · opens Mon 09:30 EST");
  assert.equal(marketText({ phase: "post", next: CLOSES + 4 * HOUR, opens: OPENS + 24 * HOUR, zone }), "After hours · opens Tue 09:30 EST");
  assert.equal(marketText({ phase: "closed", next: OPENS, opens: null, zone }), "Closed · until Mon 09:30 EST");
});

test("a market that never closes says nothing of a change", () => {
  const market = { phase: "continuous", next: null, opens: null, zone: "UTC" };
  assert.equal(nextChange(market), null);
  assert.equal(marketText(market), PHASES.continuous);
});

test("the newest quote of all is found, none where there is none", () => {
  assert.equal(newestOf(new Map()), undefined);
  assert.equal(newestOf(new Map([["A", { timestamp: 1 }], ["B", { timestamp: 3 }], ["C", { timestamp: 2 }]])).timestamp, 3);
});

const quote = (phase, timestamp = OPENS) => ({ timestamp, daily: false, market: { phase, next: null, opens: null, zone } });

test("a quote of an open market is stale after four minutes", () => {
  assert.deepEqual(freshness(quote("open"), OPENS + 500), { age: "now", stale: false });
  assert.deepEqual(freshness(quote("open"), OPENS - 5000), { age: "now", stale: false }); // the browser's clock is slow
  assert.deepEqual(freshness(quote("open"), OPENS + 90_000), { age: "90 s", stale: false });
  assert.deepEqual(freshness(quote("open"), OPENS + 240_000), { age: "4 min", stale: false });
  assert.deepEqual(freshness(quote("continuous"), OPENS + 240_001), { age: "4 min", stale: true });
  assert.deepEqual(freshness(quote("open"), OPENS + 49 * HOUR), { age: "Mon 09:30", stale: true });
});

test("a quote of a closed market shows its time and is never stale", () => {
  for (const phase of ["closed", "pre", "post"]) assert.deepEqual(freshness(quote(phase), OPENS + 5 * 24 * HOUR), { age: "Mon 09:30", stale: false });
  assert.deepEqual(freshness(quote("closed"), OPENS + 7 * 24 * HOUR), { age: "23 Nov 2026", stale: false }); // a weekday names no day of last year
});

test("a daily quote shows its date", () => {
  assert.deepEqual(freshness({ ...quote("open", Date.UTC(2026, 0, 2)), daily: true }, OPENS), { age: "2 Jan 2026", stale: false });
});

test("without a known market, ages are counted and times are UTC", () => {
  assert.deepEqual(freshness({ timestamp: OPENS, daily: false, market: null }, OPENS + 600_000), { age: "10 min", stale: true });
  assert.deepEqual(freshness({ timestamp: OPENS, daily: false, market: null }, OPENS + 49 * HOUR), { age: "Mon 14:30", stale: true });
});
