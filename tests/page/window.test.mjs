import assert from "node:assert/strict";
import test from "node:test";

import { Window } from "../../src/tapeline/web/assets/js/chart/window.js";

const frame = globalThis.requestAnimationFrame ?? ((run) => setTimeout(run));
globalThis.requestAnimationFrame ??= frame;
const drawn = () => new Promise((done) => frame(() => frame(() => frame(done))));

test("few bars stay the newest ones as more come, until the window is moved", async () => {
  let range = null;
  let spacing = 6;
  const WIDTH = 1000;
  const view = new Window({
    width: () => WIDTH, options: () => ({ barSpacing: spacing }), getVisibleLogicalRange: () => range,
    setVisibleLogicalRange(wanted) {
      range = wanted;
      spacing = WIDTH / (range.to - range.from);
    },
  });
  assert.equal(view.isNewest(10), false);
  view.newest(10, 0);
  await drawn();
  for (let count = 10; count < 60; count++) { // the library moves with each new bar
    assert.equal(view.isNewest(count), true, `${count} bars`);
    range = { from: range.from + 1, to: range.to + 1 };
  }
  view.pan(-0.5);
  assert.equal(view.isNewest(60), false);
});
