import assert from "node:assert/strict";
import test from "node:test";

import { Bars } from "../../src/tapeline/web/assets/js/chart/bars.js";
import { Layer } from "../../src/tapeline/web/assets/js/draw/layer.js";
import { distance, levels, measured, pieces, usable } from "../../src/tapeline/web/assets/js/draw/shapes.js";
import { Undo } from "../../src/tapeline/web/assets/js/draw/undo.js";

const MINUTE = 60_000;
const times = [0, 1, 2, 10, 11].map((minute) => minute * MINUTE); // a night between
const columns = { t: times, o: [1, 1, 1, 1, 1], h: [2, 3, 4, 5, 6], l: [1, 1, 0.5, 1, 1], c: [1, 2, 3, 4, 5] };
const bars = new Bars({ symbol: "A", interval: "1m", columns, decimals: 2, daily: false, zone: "UTC", outputs: {}, next: null });

test("a time has a place on the bar that contains it and beyond all of them, and a place a time", () => {
  assert.deepEqual([0, 1, 6, 10, 13, -2].map((minute) => bars.position(minute * MINUTE)), [0, 1, 2, 3, 6, -2]);
  assert.deepEqual([0, 4, 6, -2].map((i) => bars.pointAt(i, 1).t / MINUTE), [0, 11, 13, -2]);
  assert.deepEqual(bars.span(1, 9), { low: 0.5, high: 6 });
  assert.equal(bars.span(7, 9), null);
});

test("what was kept is drawn as far as this version knows it", () => {
  const point = { t: 1, p: 2, extra: 3 };
  const shapes = [{ kind: "level", points: [point] }, { kind: "line", points: [point] }, { kind: "constructor", points: [point] },
    { kind: "text", points: [point], text: 7 }, { kind: "level", points: [{ t: "x", p: 1 }] }, null];
  assert.deepEqual(usable({ shapes }), [{ kind: "level", points: [{ t: 1, p: 2, date: false }] }, { kind: "text", points: [{ t: 1, p: 2, date: false }], text: "7" }]);
  const day = { kind: "level", points: [{ t: 0, p: 2 }] }; // as it was kept before dates were kept as such
  const instant = { kind: "level", points: [{ t: 0, p: 2, date: false }] };
  assert.deepEqual(usable({ shapes: [day, instant] }).map(({ points }) => points[0].date), [true, false]);
  for (const nonsense of [null, {}, { shapes: 5 }]) assert.deepEqual(usable(nonsense), []);
});

test("shapes are made of pieces that a mouse can hit", () => {
  const at = [{ x: 10, y: 10 }, { x: 20, y: 20 }];
  const same = (p) => p;
  assert.deepEqual(pieces({ kind: "ray" }, at, 100, same), [[10, 10, 100, 100]]);
  assert.deepEqual(pieces({ kind: "ray" }, at.toReversed(), 100, same), [[20, 20, 0, 0]]);
  assert.deepEqual(pieces({ kind: "level" }, at, 100, same), [[0, 10, 100, 10]]);
  assert.equal(pieces({ kind: "box" }, at, 100, same).length, 4);
  assert.equal(pieces({ kind: "fibonacci", points: [{ p: 0 }, { p: 100 }] }, at, 100, same).length, 7);
  assert.equal(distance([0, 0, 10, 0], 5, 3), 3);
  assert.equal(distance([0, 0, 10, 0], 13, 4), 5);
  assert.equal(distance([4, 4, 4, 4], 4, 9), 5);
});

test("levels are retracements from the second point, and a measurement says move, bars and time", () => {
  assert.deepEqual(levels([{ p: 100 }, { p: 200 }]).map(({ p }) => p).slice(0, 4), [200, 176.4, 161.8, 150]);
  assert.equal(measured([{ t: 0, p: 100 }, { t: 2 * MINUTE, p: 99 }], bars, 2), "−1.00 (−1.00%), 2 bars, 2 min");
});

test("what was there before lies under every step", () => {
  const undo = new Undo([]);
  undo.put([2]);
  undo.lay([1]);
  assert.deepEqual(undo.state, [1, 2]);
  assert.deepEqual(undo.go(-1), [1]);
});

test("steps are undone and done again until something new is drawn", () => {
  const undo = new Undo([]);
  undo.put([1]);
  undo.put([1, 2]);
  assert.deepEqual(undo.go(-1), [1]);
  assert.deepEqual(undo.go(1), [1, 2]);
  assert.equal(undo.go(1), null);
  undo.go(-1);
  undo.put([3]);
  assert.equal(undo.can(1), false);
  assert.deepEqual(undo.go(-1), [1]);
});

// Lets `answer(method)` answer all requests while `work` is done, in Node, too, where no page listens.
async function answered(answer, work) {
  globalThis.addEventListener ??= () => {};
  const { fetch } = globalThis;
  globalThis.fetch = async (_, { method }) => new Response(JSON.stringify(await answer(method)));
  try {
    await work();
  } finally {
    globalThis.fetch = fetch;
  }
}

test("a symbol that is left and shown again before its drawings arrive has each once", async () => {
  const shapes = [{ kind: "level", points: [{ t: 1, p: 2, date: false }] }];
  await answered(() => ({ shapes }), async () => {
    const { SymbolDrawings } = await import("../../src/tapeline/web/assets/js/draw/symboldrawings.js");
    let found;
    await new Promise((show) => {
      for (const symbol of ["A", "B", "A"]) {
        found?.leave(show);
        found = SymbolDrawings.join(symbol, show);
      }
    });
    assert.deepEqual(found.shapes, shapes);
  });
});

test("what is drawn on one chart is drawn, undone and kept with what is drawn on another one of the symbol", async () => {
  let sent;
  const put = new Promise((done) => { sent = done; });
  await answered((method) => (method === "PUT" ? sent() ?? {} : { shapes: [] }), async () => {
    const { SymbolDrawings } = await import("../../src/tapeline/web/assets/js/draw/symboldrawings.js");
    let shown = 0;
    const show = () => { shown++; };
    const one = await new Promise((here) => { const joined = SymbolDrawings.join("D", () => here(joined)); });
    const other = SymbolDrawings.join("D", show);
    one.put([1]);
    other.put([...other.shapes, 2]);
    assert.deepEqual([one.shapes, shown], [[1, 2], 2]);
    one.go(-1);
    assert.deepEqual([other.shapes, shown], [[1], 3]);
    await put;
  });
});

test("a document that is sent while it is asked for is not replaced by the one before", async () => {
  let sent;
  const put = new Promise((done) => { sent = done; });
  const before = () => put.then(() => new Promise((done) => { setTimeout(done, 10); })).then(() => ({ shapes: [] }));
  await answered((method) => (method === "PUT" ? sent() ?? {} : before()), async () => {
    const { keep, recall } = await import("../../src/tapeline/web/assets/js/desk.js");
    keep("drawings:C", { shapes: [1] }, 0);
    assert.deepEqual(await recall("drawings:C"), { shapes: [1] });
    await put;
  });
});

test("a point between two bars of another interval is drawn on the one that contains it", () => {
  const timeScale = { logicalToCoordinate: (i) => (Number.isInteger(i) ? 10 * i : 0), options: () => ({ barSpacing: 10 }) };
  const layer = new Layer({ timeScale: () => timeScale }, () => ({}));
  layer.attached({ series: { priceToCoordinate: (p) => 100 - p } });
  layer.bars = bars;
  assert.deepEqual([-0.5, 0.25, 11].map((minute) => layer.at({ t: minute * MINUTE, p: 1 })), [
    { x: -10, y: 99 }, { x: 0, y: 99 }, { x: 40, y: 99 },
  ]);
});
