// Puts older bars in front of a chart's: at its left edge, and on the way to a time.
import { PAGE_BARS } from "../api.js";
import { toast } from "../toast.js";
import { askBars } from "./loading.js";

const STRIDE_BARS = 5000; // asked for at once on the way to a time

export class Older {
  // `shown()` gives the bars that are shown, null without any; `added(time)` hears that bars came in front of the one that
  // opened at this time, `reveal(i)` that the bar with this index is to be shown.
  constructor({ shown, added, reveal }) {
    this._shown = shown;
    this._added = added;
    this._reveal = reveal;
    this._asked = null; // the promise of an answer under way
    this.goal = null; // the bar to be shown: { symbol, after, time(bars) }
  }

  // Shows the bar of this symbol that opened at this time, at once or when `arrived` is called. Between two bars it is the
  // earlier one; with `after`, the later.
  goTo(symbol, time, { after = false } = {}) {
    this.goal = { symbol, after, time: () => time };
    this.arrived();
  }

  // Shows the day of this UTC midnight as it begins at the exchange of this symbol, whose bars say when.
  goToDay(symbol, day) {
    this.goal = { symbol, after: true, time: (bars) => bars.clock.time(day) };
    this.arrived();
  }

  // Called when a symbol's bars are shown: loads older ones until the goal is among them, and shows it. Where others are shown
  // meanwhile, it is called again for these.
  async arrived() {
    const { goal } = this;
    let bars = this._shown();
    while (goal && bars?.symbol === goal.symbol && goal.time(bars) < bars.t[0] && bars.older !== null) {
      await this.load(bars, STRIDE_BARS);
      bars = this._shown();
    }
    if (!goal || goal !== this.goal || bars?.symbol !== goal.symbol) return;
    this.goal = null;
    const [time, { after }] = [goal.time(bars), goal];
    if (time < bars.t[0]) toast(`This chart begins ${bars.clock.full(bars.t[0])}; longer candles reach further back.`);
    const i = bars.around(time);
    this._reveal(after && bars.t[i] < time && i + 1 < bars.length ? i + 1 : i);
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
    if (bars === this._shown()) this._added(first);
  }
}
