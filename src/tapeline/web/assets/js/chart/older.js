// Puts older bars in front of a chart's: at its left edge, and on the way to a time.
import { PAGE_BARS } from "../api.js";
import { askBars } from "./loading.js";

const STRIDE_BARS = 5000; // asked for at once on the way to a time

export class Older {
  // `added(bars, time)` hears that bars came in front of the one that opened at this time.
  constructor(added) {
    this._added = added;
    this._asked = null; // the promise of an answer under way
  }

  // Resolves once older bars are here, or once it is known that there are none.
  async load(bars, limit = PAGE_BARS) {
    if (this._asked || bars.older === null) {
      await this._asked;
      return;
    }
    this._asked = askBars(bars.symbol, { interval: bars.interval, before: bars.older, limit });
    const { value } = await this._asked;
    this._asked = null;
    if (!value?.columns.t.length) {
      bars.older = null; // after an error the chart stays usable; showing the symbol again asks again
      return;
    }
    const [first] = bars.t;
    bars.prepend(value);
    this._added(bars, first);
  }

  // Resolves to the index of the bar at this time: the last one that opened by then, the first where it begins later.
  async reach(bars, time) {
    while (time < bars.t[0] && bars.older !== null) await this.load(bars, STRIDE_BARS);
    return bars.around(time);
  }
}
