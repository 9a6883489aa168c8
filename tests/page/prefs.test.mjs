import assert from "node:assert/strict";
import test from "node:test";

import { chosen, drop, put, shownIndicators } from "../../src/tapeline/web/assets/js/chart/selection.js";
import { expectedReach, keepReach } from "../../src/tapeline/web/assets/js/chart/reach.js";
import { remember, remembered } from "../../src/tapeline/web/assets/js/prefs.js";

// Puts `storage` in the place of the browser's own while `work` runs.
function withStorage(storage, work) {
  const own = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
  try {
    work();
  } finally {
    if (own) Object.defineProperty(globalThis, "localStorage", own);
    else delete globalThis.localStorage;
  }
}

function fakeStorage(values = new Map()) {
  return { getItem: (name) => values.get(name) ?? null, setItem: (name, value) => values.set(name, value) };
}

test("what is remembered comes back, under a name of the page's own", () => {
  const values = new Map();
  withStorage(fakeStorage(values), () => {
    assert.equal(remembered("sort", "by symbol"), "by symbol");
    for (const value of [null, false, 0, "", [1], { by: "age" }]) {
      remember("sort", value);
      assert.deepEqual(remembered("sort", "by symbol"), value);
    }
  });
  assert.deepEqual([...values.keys()], ["tapeline.sort"]);
});

test("a browser that refuses or garbles is no reason to stop", () => {
  const refuse = () => { throw new Error("refused"); };
  withStorage({ getItem: refuse, setItem: refuse }, () => {
    remember("sort", 1);
    assert.equal(remembered("sort", 2), 2);
  });
  withStorage(fakeStorage(new Map([["tapeline.sort", "{not JSON"]])), () => assert.equal(remembered("sort", 3), 3));
});

test("the room for the fan counts from the newest closed bar, and is remembered for each interval", () => {
  const bars = (interval, ...f) => ({ interval, length: f.length, columns: { f } });
  withStorage(fakeStorage(), () => {
    assert.equal(expectedReach(bars("1m", 1, 1)), 0);
    keepReach(bars("1m", 1, 1, 0), 19); // of twenty bars, one is forming
    assert.equal(expectedReach(bars("1m", 1, 1)), 20);
    assert.equal(expectedReach(bars("1m", 1, 0)), 19);
    assert.equal(expectedReach(bars("5m", 1, 1)), 0);
    keepReach(bars("5m", 1, 1), 0);
    keepReach(bars("1m", 1, 0), 0);
    assert.deepEqual(remembered("reach", null), { "1m": 0, "5m": 0 });
    for (const nonsense of [null, "20", [], { "1m": "20" }]) {
      remember("reach", nonsense);
      assert.equal(expectedReach(bars("1m", 1)), 0);
    }
  });
});

test("an indicator keeps its colour for as long as it is shown", () => {
  withStorage(fakeStorage(), () => {
    drop(...shownIndicators());
    put("sma_20");
    put("rsi_14");
    put("rsi_7", "rsi_14");
    assert.deepEqual(chosen, [{ spec: "sma_20", color: 0 }, { spec: "rsi_7", color: 1 }]);
    drop("sma_20");
    put("obv");
    assert.deepEqual(chosen, [{ spec: "rsi_7", color: 1 }, { spec: "obv", color: 0 }]);
    put("obv", "rsi_7"); // what is there already is not added again
    assert.deepEqual(chosen, [{ spec: "obv", color: 0 }]);
    put("obv", "obv");
    assert.deepEqual(shownIndicators(), ["obv"]);
    for (let period = 2; period < 11; period++) put(`sma_${period}`);
    assert.equal(new Set(chosen.slice(0, 8).map((entry) => entry.color)).size, 8);
    assert.equal(chosen.every((entry) => entry.color >= 0 && entry.color < 8), true);
  });
});
