import assert from "node:assert/strict";
import test from "node:test";

import { Older } from "../../src/tapeline/web/assets/js/chart/older.js";

test("a day that is wanted while bars are on their way is shown once they are here", async () => {
  let bars = null;
  const revealed = [];
  const older = new Older({ shown: () => bars, added() {}, reveal: (i) => revealed.push(i) });
  older.goToDay("A", 1000);
  bars = { symbol: "A", t: [900, 1000, 1014, 1020], length: 4, older: null, clock: { time: (day) => day + 14 }, around: () => 2 };
  await older.arrived();
  assert.deepEqual(revealed, [2]);
  assert.equal(older.goal, null);
});
