import assert from "node:assert/strict";
import test from "node:test";

import { aligned } from "../../src/tapeline/web/assets/js/chart/compare.js";
import { rebased } from "../../src/tapeline/web/assets/js/chart/comparelines.js";
import { tableOf } from "../../src/tapeline/web/assets/js/chart/export.js";
import { heikinAshi } from "../../src/tapeline/web/assets/js/chart/heikin.js";
import { sessionMarks } from "../../src/tapeline/web/assets/js/chart/sessions.js";
import { clockOf } from "../../src/tapeline/web/assets/js/format.js";
import { typedInterval } from "../../src/tapeline/web/assets/js/typing.js";

test("Heikin-Ashi candles follow from the ones before, and a changed end changes the end alone", () => {
  const columns = { o: [10, 12, 11], h: [13, 14, 12], l: [9, 11, 8], c: [12, 13, 9] };
  const found = heikinAshi(columns);
  assert.deepEqual(found, { o: [11, 11, 11.75], h: [13, 14, 12], l: [9, 11, 8], c: [11, 12.5, 10] });
  for (const name of "ohlc") columns[name][2] = 20;
  assert.deepEqual(heikinAshi(columns, found, 2).c, [11, 12.5, 20]);
  assert.equal(found.l[2], 11.75);
});

test("a day at the exchange begins a session, and other than regular hours are shaded", () => {
  const day = 86_400;
  const bars = { keys: [day - 120, day - 60, day + 60, day + 120, day + 180, day + 240], columns: { x: [0, 2, 2, 1, 0, 2] } };
  assert.deepEqual(sessionMarks(bars), { breaks: [2], shaded: [[1, 1], [2, 2], [3, 3], [5, 5]] });
  assert.deepEqual(sessionMarks({ keys: [0, 60], columns: {} }), { breaks: [], shaded: [] });
});

test("another symbol's closes stand at the times of the bars, and begin at the price", () => {
  const values = aligned([10, 20, 30, 40], { t: [15, 30], c: [5, 6] });
  assert.deepEqual(values, [null, 5, 6, 6]);
  assert.deepEqual(aligned([10, 20, 30, 40], { t: [35], c: [7] }, values), [null, 5, 6, 7]);
  assert.deepEqual(rebased(values, [100, 200, 300, 400], 0, 3), [{ i: 1, value: 200 }, { i: 2, value: 240 }, { i: 3, value: 240 }]);
  assert.deepEqual(rebased([null], [100], 0, 0), []);
});

test("a table has ISO times and words, and quotes what needs it", () => {
  const columns = { t: [0, 60_000], c: [1.5, null], f: [1, 0], s: [1, 0], x: [0, 2], 'a",b': [1, 2] };
  assert.equal(tableOf({ t: columns.t, columns }), 'time,close,final,prediction,hours,"a"",b"\r\n'
    + "1970-01-01T00:00:00.000Z,1.5,true,UP,regular,1\r\n1970-01-01T00:01:00.000Z,,false,,post,2\r\n");
});

test("an interval is typed as minutes or with a unit", () => {
  const typed = ["15", " 4H ", "60", "240", "1mo", "1d"].map(typedInterval);
  assert.deepEqual(typed, ["15m", "4h", "1h", "4h", "1mo", "1d"]);
  for (const nonsense of ["", "0", "x", "1y", "12345", "1 5"]) assert.equal(typedInterval(nonsense), null);
});

test("a time on the exchange's clock is found again, on both sides of a change of the clock", () => {
  const clock = clockOf("America/New_York");
  for (const time of [Date.UTC(2026, 2, 8, 5), Date.UTC(2026, 2, 9, 4), Date.UTC(2026, 10, 1, 4), Date.UTC(2026, 10, 2, 5)]) {
    assert.equal(clock.time(clock.wall(time)), time);
  }
});
