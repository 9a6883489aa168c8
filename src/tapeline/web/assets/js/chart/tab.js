// The chart tab: which symbol and interval are shown, and how bars, indicators and quotes come together on it.
import { PAGE_BARS } from "../api.js";
import { fill } from "../dom.js";
import { toast } from "../toast.js";
import { watchTheme } from "../theme.js";
import { Bars } from "./bars.js";
import { Catalogue } from "./catalogue.js";
import { Drawing } from "./drawing.js";
import { Expected } from "./expected.js";
import { Heading } from "./heading.js";
import { Legend } from "./legend.js";
import { askAgain, askBars, unknown } from "./loading.js";
import { meaningText, showState } from "./notices.js";
import { Older } from "./older.js";
import { openPicker } from "./picker.js";
import * as selection from "./selection.js";

const RETRY_MS = 3000;

export class ChartTab {
  // `listen()` is called when other events are wanted, `pick(symbol, interval)` to show something else; `daily(symbol)`
  // answers whether a symbol has daily bars only, undefined where that is not known yet.
  constructor(root, { listen, pick, daily }) {
    this.symbol = null;
    this.wanted = "1m"; // the interval asked for
    this.interval = "1m"; // the interval shown: that of the bars, where they are longer
    this.known = true; // whether the server knows the symbol
    this._listen = listen;
    this._daily = daily;
    this._bars = null;
    this._drawing = null;
    this._catalogue = null;
    this._turn = 0; // counts what was shown, so that late answers to earlier questions are dropped
    this._asking = false; // for the newest bars
    this._pointed = null; // the index of the bar under the crosshair
    this._stored = null; // the interval of the stored bars that the candles are made of
    this._goal = null; // the bar to be shown: { symbol, time }
    this._horizon = null; // how many bars ahead the calls look
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    this._parts = Object.fromEntries(
      ["indicators", "ranges", "newest", "canvas", "legend", "state", "key", "grade", "words", "trail", "meaning"].map((name) => [name, find(name)]),
    );
    this._heading = new Heading(find, (interval) => pick(this.symbol, interval));
    this._parts.indicators.addEventListener("click", () => this.openPicker());
    this._parts.newest.addEventListener("click", () => this.newest());
    this._legend = new Legend(this._parts.legend, this._parts.canvas, {
      edit: (spec) => this.openPicker(spec),
      remove: (spec) => {
        if (spec) selection.drop(spec);
        else selection.showPredictions(false);
        this._reselect();
      },
    });
    this.expected = new Expected(this._parts, (words) => this._legend.odds(words));
    this._older = new Older((bars, time) => {
      if (bars !== this._bars) return;
      this._pointed = null;
      this._drawing.refill();
      this.expected.older(time);
      this._showValues();
    });
    watchTheme(() => {
      this._drawing?.recolor(this._catalogue);
      if (!this._bars) return;
      this._relabel();
      this.expected.draw();
    });
  }

  // Shows this symbol; null: that there is none. `asked` is the promise of an answer that was asked for earlier.
  async show(symbol, interval, asked = null) {
    const turn = ++this._turn;
    const other = symbol !== this.symbol;
    this.symbol = symbol;
    this.wanted = interval;
    this.interval = this._daily(symbol) ? "1d" : interval;
    this.known = true;
    this._heading.press(this.interval);
    if (other) {
      this._heading.begin(symbol);
      this.expected.begin();
    }
    if (symbol === null) {
      this._clear("empty");
      return;
    }
    if (other || !this._bars) this._say("loading");
    this._asking = true;
    let { value, error } = await (asked ?? askBars(symbol, { interval: this.interval }));
    if ((unknown(error) || error?.status === 409) && turn === this._turn) {
      ({ value, error } = await askAgain(symbol));
    }
    if (turn !== this._turn) return;
    this._asking = false;
    if (value) this._take(value);
    else {
      this.known = !unknown(error);
      this._clear(this.known ? "error" : "unknown", error.message);
      if (this.known) this._again = setTimeout(() => turn === this._turn && this.show(symbol, interval), RETRY_MS);
    }
    this._listen(); // after the bars, which it would hold up; the stream begins with what came since
    if (this._goal?.symbol === symbol) this._reach();
  }

  // Shows the bar that opened at this time, once its symbol is shown.
  goTo(symbol, time) {
    this._goal = { symbol, time };
    if (symbol === this.symbol && this._bars && !this._asking) this._reach();
  }

  // Loads older bars until the goal is among them, and moves there.
  async _reach() {
    const { time } = this._goal;
    const bars = this._bars;
    this._goal = null;
    if (!bars) return;
    const i = await this._older.reach(bars, time);
    if (bars !== this._bars) return;
    if (time < bars.t[0]) toast(`This chart begins ${bars.clock.full(bars.t[0])}; longer candles reach further back.`);
    this._drawing.window.reveal(i);
  }

  // How many bars ahead the model's calls look, null where that is not known.
  setHorizon(horizon) {
    if (horizon === this._horizon) return;
    this._horizon = horizon;
    this._heading.setHorizon(horizon);
    if (this._bars) this._relabel();
  }

  // Takes the answer of GET /indicators. Candles do not wait for it; indicators do, as it says where they are drawn.
  setCatalogue(answer) {
    this._catalogue = new Catalogue(answer);
    if (!this._bars) return;
    this._catalogue.learn(this._bars.outputs);
    this._select();
  }

  setQuote(quote) {
    if (quote?.symbol === this.symbol) this._heading.quote(quote);
  }

  // Takes a `bars` event.
  change(event) {
    if (event.symbol !== this.symbol || event.interval !== this.interval || this._asking) return;
    const before = this._bars?.length;
    const from = this._bars?.merge(event.columns) ?? null;
    if (from === null) this.show(this.symbol, this.wanted); // nothing was shown, or bars are missing between
    else {
      this._drawing.update(from, before);
      this._showValues();
      this.expected.changed();
    }
  }

  // Called when the server can be reached again.
  retry() {
    if (!this._bars && this.symbol !== null && this.known && !this._asking) this.show(this.symbol, this.wanted);
  }

  openPicker(spec = null) {
    if (this._catalogue) openPicker(this._catalogue, () => this._reselect(), spec);
  }

  // The interval `by` buttons beside the one shown, undefined where there is none.
  intervalBeside(by) {
    return this._heading.intervals[this._heading.intervals.indexOf(this.interval) + by];
  }

  newest() {
    if (this._bars) this._drawing.newest();
  }

  // Which bars are in view; undefined before the first ones.
  get window() {
    return this._drawing?.window;
  }

  _take(answer) {
    this.interval = answer.interval;
    this._stored = answer.stored_interval;
    this._pointed = null;
    this._heading.offer(answer.intervals, this.interval);
    if (!answer.columns.t.length) {
      this._clear("no bars");
      return;
    }
    this._bars = new Bars(answer);
    this._catalogue?.learn(answer.outputs);
    this._say(null);
    this._drawing ??= new Drawing(this._parts.canvas, {
      pointed: (i, value) => this._point(i, value),
      olderWanted: () => this._older.load(this._bars),
      moved: () => { this._parts.newest.hidden = this._drawing?.window.atNewest ?? true; },
    });
    this._drawing.show(this._bars, this._catalogue);
    this._relabel();
    const { symbol, interval, _stored: stored, _bars: bars, _drawing: drawing } = this;
    this.expected.show({ symbol, interval, stored, bars, drawing });
  }

  // Draws what is selected now, asking for the columns that are not here.
  async _reselect() {
    if (!this._bars) return;
    const here = selection.shownIndicators().every((spec) => {
      const study = this._catalogue?.read(spec);
      return study && this._bars.has(study);
    });
    if (here) this._select();
    else {
      const turn = this._turn;
      const { value, error } = await askBars(this.symbol, { interval: this.interval, limit: Math.max(PAGE_BARS, this._bars.length) });
      if (turn !== this._turn) return;
      if (error) {
        this._say("error", error.message);
        return;
      }
      const scale = this._drawing.chart.timeScale();
      const { from, to } = scale.getVisibleLogicalRange();
      const right = this._bars.length - to;
      this._take(value);
      scale.setVisibleLogicalRange({ from: this._bars.length - right - (to - from), to: this._bars.length - right });
    }
    this._listen();
  }

  _select() {
    this._drawing.select(this._catalogue);
    this._relabel();
  }

  _relabel() {
    this._legend.rebuild(this._drawing);
    this._parts.key.hidden = this._drawing.callsPane === null;
    fill(this._parts.meaning, meaningText(this._horizon));
    this._showValues();
  }

  _showValues() {
    if (this._bars) this._legend.show(this._pointed ?? this._bars.length - 1);
  }

  // The crosshair is on this bar and this price, null where on none.
  _point(i, value) {
    this._pointed = i;
    this._showValues();
    if (this._bars) this.expected.point(i, value);
  }

  _clear(state, detail) {
    this._bars = null;
    this.expected.show(null);
    this._say(state, detail);
  }

  // Says this in place of the chart; null shows the chart.
  _say(state, detail) {
    clearTimeout(this._again);
    showState(this._parts.state, state, this.symbol, detail);
  }
}
