import assert from "node:assert/strict";
import test from "node:test";

import { Expected } from "../../src/tapeline/web/assets/js/chart/expected.js";
import { noCandles } from "../../src/tapeline/web/assets/js/firstcandles.js";

test("a forecast stays while the server cannot answer, which is asked again later", async () => {
  noCandles();
  const { fetch, setInterval, setTimeout, clearTimeout } = globalThis;
  const later = []; // what timers are to do, with their times
  let answer = () => new Response(JSON.stringify({ interval: "1m", horizons: {}, words: "It rises.", words_for: 5000 }));
  Object.assign(globalThis, {
    fetch: async (path) => (path.includes("/forecast?") ? answer() : new Response("{}", { status: 404 })), setInterval() {}, clearTimeout() {},
    setTimeout: (work, ms) => later.push({ work, ms }),
  });
  try {
    const part = () => ({ textContent: "", addEventListener() {}, setAttribute() {}, removeAttribute() {}, getAttribute() {}, replaceChildren() {} });
    const parts = Object.fromEntries(["ranges", "words", "trail", "grade"].map((name) => [name, part()]));
    const drawn = [];
    const drawing = { forecast: (forecast) => { drawn.push(forecast); }, trail() {} };
    const expected = new Expected(parts, () => {});
    expected.begin();
    expected._view = { symbol: "A", interval: "1m", stored: "1m", drawing, bars: { t: [1], columns: { f: [1] } } };
    await expected.changed();
    for (const failure of [() => new Response("{}", { status: 503 }), () => { throw new TypeError("no network"); }]) {
      answer = failure;
      await later.pop().work();
      assert.deepEqual([parts.words.textContent, drawn.length, later.map(({ ms }) => ms)], ["It rises.", 1, [30_000]]);
    }
    answer = () => new Response("{}", { status: 404 }); // there is none any more
    await later.pop().work();
    assert.deepEqual([parts.words.textContent, drawn[1], later.length], ["", null, 0]);
  } finally {
    Object.assign(globalThis, { fetch, setInterval, setTimeout, clearTimeout });
  }
});
