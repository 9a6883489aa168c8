import assert from "node:assert/strict";
import test from "node:test";

import { marksAt, marksOf } from "../../src/tapeline/web/assets/js/chart/patternmarks.js";
import * as selection from "../../src/tapeline/web/assets/js/chart/selection.js";
import { usableTemplates, withTemplate } from "../../src/tapeline/web/assets/js/chart/templatelist.js";

const style = { lines: { _signal: { color: "#ff00aa", width: 3 } }, label: true };

test("an indicator keeps its style when its numbers change, and loses what makes no sense", () => {
  selection.replace([{ spec: "macd_12_26_9", color: 3 }], false);
  selection.restyle("macd_12_26_9", style);
  selection.put("macd_5_8_3", "macd_12_26_9");
  assert.deepEqual(selection.chosen, [{ spec: "macd_5_8_3", color: 3, style }]);
  selection.restyle("macd_5_8_3", { lines: { "": { color: "red; x", width: 99 } }, label: "yes" });
  assert.deepEqual(selection.chosen, [{ spec: "macd_5_8_3", color: 3 }]);
});

test("a kept document that makes no sense holds no templates, and a template replaces the one of its name", () => {
  for (const document of [{}, null, { templates: 7 }, { templates: [null, { name: "" }, { name: "a", indicators: 3 }] }]) assert.deepEqual(usableTemplates(document), []);
  const kept = usableTemplates({ templates: [{ name: "b", indicators: [{ spec: "rsi_14", color: 0, style }, { spec: 7 }], predictions: 1 }] });
  assert.deepEqual(kept, [{ name: "b", indicators: [{ spec: "rsi_14", color: 0, style }], predictions: false }]);
  const more = withTemplate(kept, { name: "a", indicators: [], predictions: true });
  assert.deepEqual(more.map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(withTemplate(more, { name: "b", indicators: [], predictions: true })[1].indicators, []);
  assert.equal(withTemplate(Array(30).fill({ name: "x" }), { name: "y" }), null);
});

test("a candle pattern marks the bar it ends at, below where it is bullish", () => {
  const bars = { keys: [10, 20, 30], columns: { cdldoji: [0, 100, null], cdlengulfing: [-100, 0, 100] } };
  const study = (name, title) => ({ label: title, indicator: { name, title }, columns: [{ name }] });
  const studies = [study("cdldoji", "Doji"), study("cdlengulfing", "Engulfing")];
  const marks = marksOf(bars, studies.map(({ indicator }) => ({ name: indicator.name, indicator })), { up: "green", down: "red", soft: "grey" });
  assert.deepEqual(marks.map(({ time, position, color, text }) => [time, position, color, text]), [
    [10, "aboveBar", "red", "Engulfing"], [20, "belowBar", "grey", "Doji"], [30, "belowBar", "green", "Engulfing"],
  ]);
  assert.equal(marksAt(studies, bars, 1), "Doji");
  assert.equal(marksAt(studies, bars, 2), "Engulfing");
});
