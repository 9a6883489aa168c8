import assert from "node:assert/strict";
import test from "node:test";

import { columnText, renamed } from "../../src/tapeline/web/assets/js/watch/columns.js";
import { groupOf, linesOf, movedBefore, movedBy, usableLists } from "../../src/tapeline/web/assets/js/watch/lists.js";

test("a list is typed as symbols and groups, each once", () => {
  assert.deepEqual(linesOf("#Tech\n aapl, msft\nAAPL\n\n## Big banks \nJPM;BAC\n#"), ["# Tech", "AAPL", "MSFT", "# Big banks", "JPM", "BAC"]);
  assert.deepEqual([groupOf("# Big banks"), groupOf("AAPL")], ["Big banks", null]);
  assert.deepEqual(linesOf(" \n"), []);
});

test("a row is moved before another one, to the end, and by one line", () => {
  const lines = ["A", "# G", "B", "C"];
  assert.deepEqual(movedBefore(lines, "C", "A"), ["C", "A", "# G", "B"]);
  assert.deepEqual(movedBefore(lines, "A", "# G"), lines);
  assert.deepEqual(movedBefore(lines, "A", null), ["# G", "B", "C", "A"]);
  assert.deepEqual(movedBefore(lines, "B", "B"), lines);
  assert.deepEqual(movedBy(lines, "B", -1), ["A", "B", "# G", "C"]);
  assert.deepEqual(movedBy(lines, "C", 1), lines);
});

test("kept lists that make no sense are left out", () => {
  assert.deepEqual(usableLists({ lists: [{ name: "a", lines: ["A", 5] }, { name: "", lines: [] }, 7], chosen: "a", columns: 3 }), { lists: [{ name: "a", lines: ["A"] }], chosen: "a", columns: "" });
  for (const nonsense of [null, {}, { lists: 5, chosen: "x" }]) assert.deepEqual(usableLists(nonsense), { lists: [], chosen: null, columns: "" });
});

test("a value of a column has few characters, whatever its size", () => {
  assert.deepEqual([1_234_567, 1234.5, 45.678, 0.5, 0.01234, "UP", undefined].map((value) => columnText("rsi_14", value)), ["1.23M", "1,235", "45.68", "0.500", "0.0123", "UP", "–"]);
  assert.deepEqual([950, 98_123, 428_000].map((value) => columnText("volume", value)), ["950", "98.1K", "428K"]);
  assert.deepEqual([columnText("bar_change", 0.001), columnText("change(1 day)", 0.1)], ["+0.10%", "+0.10%"]);
  assert.deepEqual([columnText("close", 9.46), columnText("close", 9.46, 3), columnText("close", 123_456, 0)], ["9.46", "9.460", "123,456"]);
  assert.deepEqual([1.08537, -37.63, 0.00001234, 1234.5, 123.45600128, 5].map((value) => columnText("close", value)), ["1.08537", "−37.63", "0.00001234", "1,234.50", "123.456", "5.00"]);
  assert.deepEqual([0.12345678, 0.5, 0].map((value) => columnText("volume", value)), ["0.12345678", "0.5", "0"]);
});

test("a scan that an older version kept has the names that columns have now", () => {
  const kept = { rule: "price > 1", columns: "close, change, change(1 day)", sort: "-change" };
  assert.deepEqual(renamed(kept), { rule: "price > 1", columns: "close, bar_change, change(1 day)", sort: "-bar_change" });
  assert.deepEqual(renamed({ columns: "", sort: "" }), { columns: "", sort: "" });
});
