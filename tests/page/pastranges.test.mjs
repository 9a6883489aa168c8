import assert from "node:assert/strict";
import test from "node:test";
import { PastRanges, trailCount } from "../../src/tapeline/web/assets/js/chart/pastranges.js";

const times = [0, 1, 2, 3, 4, 5, 6, 7].map((minute) => minute * 60_000);
const none = times.map(() => null);

function answer(change = {}) {
  const columns = { t: times, close: times.map((_, i) => 100 + i), held_1: none, held_5: none, held_20: none };
  for (const step of [1, 5, 20]) {
    for (const share of [50, 80, 95]) {
      columns[`low_${share}_${step}`] = step === 20 ? none : times.map((_, i) => 100 + i - share / 50);
      columns[`high_${share}_${step}`] = step === 20 ? none : times.map((_, i) => 100 + i + share / 50);
    }
  }
  return { columns: { ...columns, ...change } };
}

test("the trail is where the band of five bars earlier lies, and says which closes left it", () => {
  const ranges = new PastRanges();
  ranges.take(ranges.ask(), answer({ held_5: [80, 95, null, null, null, null, null, null] }));
  const trail = ranges.trail(times);
  assert.deepEqual(trail.slice(0, 5), [null, null, null, null, null]);
  assert.deepEqual(trail.slice(5), [
    { low: 98.4, high: 101.6, missed: false }, { low: 99.4, high: 102.6, missed: true }, { low: 100.4, high: 103.6, missed: null },
  ]);
  assert.deepEqual(trailCount(trail), { decided: 2, held: 1 });
});

test("a later answer replaces what an earlier one said of a bar", () => {
  const ranges = new PastRanges();
  ranges.take(ranges.ask(), answer());
  assert.equal(ranges.trail(times)[5].missed, null);
  ranges.take(ranges.ask(), answer({ held_5: [0, null, null, null, null, null, null, null] }));
  assert.equal(ranges.trail(times)[5].missed, true);
});

test("the answer to a later question stands where it comes first", () => {
  const ranges = new PastRanges();
  const [earlier, later] = [ranges.ask(), ranges.ask()];
  ranges.take(later, answer({ held_5: [0, null, null, null, null, null, null, null] }));
  ranges.take(earlier, answer());
  assert.equal(ranges.trail(times)[5].missed, true);
});

test("a past forecast has the horizons that were said", () => {
  const ranges = new PastRanges();
  ranges.take(ranges.ask(), answer());
  const { timestamp, close, horizons } = ranges.forecast(times[2]);
  assert.deepEqual([timestamp, close, Object.keys(horizons)], [times[2], 102, ["1", "5"]]);
  assert.deepEqual(Object.keys(horizons[5]), ["low_50", "high_50", "low_80", "high_80", "low_95", "high_95"]);
  assert.equal(ranges.forecast(17), null);
});
