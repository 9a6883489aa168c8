import assert from "node:assert/strict";
import test from "node:test";

import { Catalogue, GUIDES, labelOf, specOf } from "../../src/tapeline/web/assets/js/chart/catalogue.js";

const indicator = (name, spec, group, pane, off_price = []) => ({ name, spec, group, pane, off_price, parameters: [] });
const MACD = indicator("macd", "macd_12_26_9", "momentum", "own");
const BBANDS = indicator("bbands", "bbands_20_2", "overlap", "overlay", ["bbands_20_2_width"]);
const SAR = indicator("sar", "sar_0.02_0.2", "overlap", "overlay");
const DOJI = indicator("doji", "doji", "pattern", "own");

const output = (spec, name, parameters, suffix = "") => ({ spec, indicator: name, parameters, suffix });

function learned() {
  const catalogue = new Catalogue({ indicators: [MACD, BBANDS, SAR, DOJI] });
  catalogue.learn({
    macd_5_8_3: output("macd_5_8_3", "macd", [5, 8, 3]),
    macd_5_8_3_signal: output("macd_5_8_3", "macd", [5, 8, 3], "_signal"),
    macd_5_8_3_hist: output("macd_5_8_3", "macd", [5, 8, 3], "_hist"),
    "bbands_30_2.5_middle": output("bbands_30_2.5", "bbands", [30, 2.5], "_middle"),
    "bbands_30_2.5_width": output("bbands_30_2.5", "bbands", [30, 2.5], "_width"),
    "sar_0.02_0.2": output("sar_0.02_0.2", "sar", [0.02, 0.2]),
    doji: output("doji", "doji", []),
  });
  return catalogue;
}

test("a spec is read as the server says, with all of its columns in order", () => {
  const study = learned().read("macd_5_8_3");
  assert.equal(study.indicator, MACD);
  assert.deepEqual(study.numbers, [5, 8, 3]);
  assert.equal(study.overPrice, false);
  assert.deepEqual(study.columns.map(({ name, style }) => [name, style]), [
    ["macd_5_8_3", "line"], ["macd_5_8_3_signal", "dashed"], ["macd_5_8_3_hist", "histogram"],
  ]);
});

test("a spec that came with no bars is not guessed at", () => {
  assert.equal(learned().read("macd_12_26_9"), null);
  assert.equal(new Catalogue({ indicators: [MACD] }).read("macd_12_26_9"), null);
});

test("an overlay's output that is not a price is not drawn, whatever the numbers", () => {
  const study = learned().read("bbands_30_2.5");
  assert.equal(study.overPrice, true);
  assert.deepEqual(study.columns.map(({ suffix, drawn }) => [suffix, drawn]), [["_middle", true], ["_width", false]]);
});

test("dots have a style of their own, and candle patterns are marks over the price in place of lines", () => {
  assert.equal(learned().read("sar_0.02_0.2").columns[0].style, "dots");
  const { marks, overPrice, columns: [column] } = learned().read("doji");
  assert.deepEqual([marks, overPrice, column.drawn], [true, true, false]);
});

test("learning again replaces what was known and keeps the rest", () => {
  const catalogue = learned();
  catalogue.learn({ doji: output("doji", "doji", []) });
  assert.equal(catalogue.read("doji").columns.length, 1);
  assert.equal(catalogue.read("macd_5_8_3").columns.length, 3);
});

test("a spec is its indicator and numbers, and its label is for people", () => {
  assert.equal(specOf(BBANDS, [30, 2.5]), "bbands_30_2.5");
  assert.equal(specOf(DOJI, []), "doji");
  assert.equal(labelOf("bbands_30_2.5"), "BBANDS 30 2.5");
  assert.equal(labelOf("obv"), "OBV");
  assert.equal(Object.values(GUIDES).flat().every(Number.isFinite), true);
});
