import assert from "node:assert/strict";
import test from "node:test";

import { Bars } from "../../src/tapeline/web/assets/js/chart/bars.js";

const HOURS = [...Array(5).keys()].map((i) => Date.UTC(2026, 10, 1, 4 + i)); // in New York, 01:00 comes twice that night

function barsOf(times = HOURS, next = 1) {
  const columns = { t: [...times], c: times.map((_, i) => i), rsi_14: times.map((_, i) => 50 + i) };
  return new Bars({ symbol: "X", interval: "1h", columns, decimals: 2, daily: false, zone: "America/New_York", outputs: {}, next });
}

function isAscending(keys) {
  return keys.every((key, i) => !i || key > keys[i - 1]);
}

test("keys are local times and ascend through the hour that an autumn night repeats", () => {
  const bars = barsOf();
  assert.equal(bars.keys[0], Date.UTC(2026, 10, 1, 0) / 1000);
  assert.equal(bars.keys[2], bars.keys[1] + 1); // 01:00 once more
  assert.equal(isAscending(bars.keys), true);
  assert.deepEqual(bars.keys.map((key) => bars.at(key)), [0, 1, 2, 3, 4]);
  assert.equal(bars.at(bars.keys[0] + 7), -1);
});

test("changed bars replace those in their time and leave newer ones alone", () => {
  const bars = barsOf();
  assert.equal(bars.merge({ t: HOURS.slice(1, 3), c: [10, 20], rsi_14: [1, 2] }), 1);
  assert.deepEqual(bars.columns.c, [0, 10, 20, 3, 4]);
  assert.deepEqual(bars.columns.rsi_14, [50, 1, 2, 53, 54]);
});

test("new bars are appended, and a bar between two others is inserted", () => {
  const bars = barsOf();
  assert.equal(bars.merge({ t: [HOURS[4] + 3_600_000], c: [5], rsi_14: [55] }), 5);
  assert.equal(bars.merge({ t: [HOURS[1] + 60_000], c: [9], rsi_14: [9] }), 2);
  assert.deepEqual(bars.columns.c, [0, 1, 9, 2, 3, 4, 5]);
  assert.equal(bars.keys.length, 7);
  assert.equal(isAscending(bars.keys), true);
});

test("bars that are missing between are noticed", () => {
  const later = [...Array(40).keys()].map((i) => HOURS[4] + 1e9 + i);
  assert.equal(barsOf().merge({ t: later, c: later, rsi_14: later }), null);
});

test("a column that an answer lacks has no values there", () => {
  const bars = barsOf();
  bars.merge({ t: [HOURS[4]], c: [40] });
  assert.deepEqual(bars.columns.rsi_14, [50, 51, 52, 53, null]);
});

test("older bars come in front, those that are here already once", () => {
  const bars = barsOf();
  bars.prepend({ columns: { t: [HOURS[0] - 1, HOURS[0]], c: [7, 8], rsi_14: [1, 2] }, next: 5 });
  assert.deepEqual(bars.columns.c, [7, 0, 1, 2, 3, 4]);
  assert.equal(bars.older, 5);
  assert.equal(isAscending(bars.keys), true);
  bars.prepend({ columns: { t: [HOURS[0]], c: [8], rsi_14: [2] }, next: 4 });
  assert.equal(bars.older, null); // nothing new came: asking on would never end
});

test("older bars are asked for up to 20,000", () => {
  const bars = barsOf();
  const times = [...Array(19_995).keys()].map((i) => HOURS[0] - 20_000 + i);
  bars.prepend({ columns: { t: times, c: times, rsi_14: times }, next: 4 });
  assert.equal(bars.length, 20_000);
  assert.equal(bars.older, null);
});

test("a time has its place as an instant or as a date, whatever the time", () => {
  const [hour, day] = [3_600_000, 86_400_000];
  const days = [0, 1, 2].map((i) => Date.UTC(2019, 1, 11) + i * day);
  const made = (daily, t) => new Bars({ columns: { t }, daily, zone: "America/New_York" });
  const late = made(false, days.flatMap((t) => [t + 14.5 * hour, t + 23 * hour, t + 24 * hour])); // 19:00 ET is 00:00 UTC
  assert.deepEqual(days.map((t) => late.position(t + day)), [2, 5, 8]);
  assert.deepEqual(days.map((t) => late.position(t, true)), [0, 3, 6]);
  assert.deepEqual(days.map((t) => made(true, days).position(t + day, false)), [0, 1, 2]);
  assert.deepEqual([made(true, days), late].map((bars) => bars.pointAt(1, 5)), [{ t: days[1], p: 5, date: true }, { t: days[0] + 23 * hour, p: 5, date: false }]);
});

test("a study is drawn once all of its columns are here", () => {
  const study = (...names) => ({ columns: names.map((name) => ({ name })) });
  assert.equal(barsOf().has(study("rsi_14")), true);
  assert.equal(barsOf().has(study("rsi_14", "rsi_7")), false);
});
