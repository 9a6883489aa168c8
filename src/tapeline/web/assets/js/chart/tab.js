// One chart: which symbol and interval are shown, and how bars, indicators and quotes come together on it.
import { PAGE_BARS } from "../api.js";
import { OnChart } from "../draw/onchart.js";
import { candlesDrawn } from "../firstcandles.js";
import { watchTheme } from "../theme.js";
import { toast } from "../toast.js";
import { Bars } from "./bars.js";
import { Catalogue } from "./catalogue.js";
import { Compare } from "./compare.js";
import { Drawing } from "./drawing.js";
import { Expected } from "./expected.js";
import { Heading } from "./heading.js";
import { askAgain, askBars, fitting, unknown } from "./loading.js";
import { watchLook } from "./look.js";
import { Older } from "./older.js";
import { Panel } from "./panel.js";
import { Replay } from "./replay.js";
import { openPicker } from "./picker.js";
import * as selection from "./selection.js";

const RETRY_MS = 3000;
const PARTS = ["indicators", "menu", "ranges", "newest", "canvas", "legend", "state", "values", "key", "grade", "words", "trail", "meaning", "tools", "replay"];

export class ChartTab {
  // `listen(anew)` is called when other events are wanted, or the same ones anew; `pick(symbol, interval)` to show something else, `menu()` and `about()` for
  // the chart's menu and the page about its symbol; `daily(symbol)` answers whether a symbol has daily bars only, undefined where that is not known yet.
  // `pointed(time)` hears where the mouse is, `active()` says whether keys are about this chart; `quoted()` shows the quotes anew,
  // `settled()` hears that it is known at which interval something is shown.
  constructor(root, { listen, pick, daily, menu, about, pointed, active, quoted, settled }) {
    this.root = root;
    this.symbol = null;
    this.wanted = "1m"; // the interval asked for
    this.interval = "1m"; // the interval shown: that of the bars, where they are longer
    this.known = true; // whether the server knows the symbol
    [this._listen, this._daily, this._pointed, this._settled] = [listen, daily, pointed, settled];
    this._bars = this._drawing = this._catalogue = null;
    this._turn = 0; // counts what was shown, so that late answers to earlier questions are dropped
    this._asking = false; // for the newest bars
    this._missed = false; // whether events came since they were asked for, which the answer may lack
    this._picking = null; // how the choice of indicators opens once it is known which there are
    this._stored = null; // the interval of the stored bars that the candles are made of
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    this._parts = Object.fromEntries(PARTS.map((name) => [name, find(name)]));
    this.heading = new Heading(find, (interval) => pick(this.symbol, interval));
    this._parts.indicators.addEventListener("click", () => this.openPicker());
    this._parts.menu.addEventListener("click", menu);
    find("symbol").addEventListener("click", about);
    this._parts.newest.addEventListener("click", () => this.newest());
    this.panel = new Panel(this._parts, { edit: (spec) => this.openPicker(spec), remove: (spec) => this._remove(spec) });
    this.expected = new Expected(this._parts, (words) => this.panel.odds(words));
    this.compare = new Compare(() => this._bars, (error) => (error ? toast(error, "bad") : this._select()));
    const view = () => ({ symbol: this.symbol, daily: this._daily(this.symbol), bars: this._bars, drawing: this._drawing, horizon: this.panel.horizon });
    this.onChart = new OnChart(this._parts, view, active);
    this.replay = new Replay(this._parts.replay, { view, begun: () => this.expected.show(null), turned: quoted, changed: () => this.panel.show(), ended: () => this.show(this.symbol, this.wanted) });
    this.older = new Older({ shown: () => (this._asking ? null : this._bars), added: (time) => this._added(time), reveal: (i) => this.window.reveal(i) });
    selection.watch(() => this._reselect());
    watchLook(() => {
      if (!this._bars) return;
      this._drawing.restyle();
      this.panel.show();
    });
    watchTheme(() => {
      this._drawing?.recolor(this._catalogue, this._compared);
      if (!this._bars) return;
      this.panel.rebuild(this._drawing);
      this.expected.draw();
    });
  }

  // The bars shown, null without any, what draws them, and which are in view.
  get bars() { return this._bars; }
  get drawing() { return this._drawing; }
  get window() { return this._drawing?.window; }
  // Whether this was asked for, or is what is shown in its place.
  shows(symbol, interval) { return symbol === this.symbol && (interval === this.wanted || interval === this.interval); }

  get _compared() { return this._bars ? this.compare.studies(this._bars) : []; }

  // Shows this symbol; null: that there is none. `asked` is the promise of an answer that was asked for earlier.
  async show(symbol, interval, asked = null) {
    const turn = ++this._turn;
    this.replay.stop();
    const other = symbol !== this.symbol;
    if (this.older.goal?.symbol !== symbol) this.older.goal = null;
    this.symbol = symbol;
    this.wanted = interval;
    this.interval = fitting(interval, this._daily(symbol));
    this.known = true;
    this.heading.press(this.interval);
    if (other) {
      this.heading.begin(symbol);
      this.expected.begin();
    }
    if (symbol === null) {
      this._clear("empty");
      return;
    }
    if (other || !this._bars) this._say("loading");
    [this._asking, this._missed] = [true, false];
    const selected = String(selection.shownIndicators());
    this._drawing ??= new Drawing(this._parts.canvas, { // while the bars are on their way
      pointed: (i, value, byHand) => this._point(i, value, byHand),
      olderWanted: () => this.older.load(this._bars),
      moved: () => { this._parts.newest.hidden = this.window?.atNewest ?? true; },
    });
    let { value, error } = await (asked ?? askBars(symbol, { interval: this.interval }));
    if ((unknown(error) || error?.status === 409) && turn === this._turn) {
      ({ value, error } = await askAgain(symbol));
    }
    if (turn !== this._turn) return;
    this._asking = false;
    if (value) {
      this._take(value);
      this._settled();
      if (String(selection.shownIndicators()) !== selected) this._reselect();
    } else {
      this.known = !unknown(error);
      this._clear(this.known ? "error" : "unknown", error.message);
      if (this.known) this._again = setTimeout(() => turn === this._turn && this.show(symbol, interval), RETRY_MS);
    }
    await candlesDrawn();
    this._listen(this._missed); // the stream begins with what came since
    this.older.arrived();
  }

  // Takes the answer of GET /indicators. Candles do not wait for it; indicators do, as it says where they are drawn.
  setCatalogue(answer) {
    this._catalogue = new Catalogue(answer);
    if (this.root.offsetParent) this._picking?.(); // not over another tab
    if (!this._bars) return;
    this._catalogue.learn(this._bars.outputs);
    this._select();
  }

  // Takes a `bars` event.
  change(event) {
    if (event.symbol !== this.symbol || event.interval !== this.interval || this.replay.on) return;
    this._missed = true;
    if (this._asking) return;
    const before = this._bars?.length;
    const from = this._bars?.merge(event.columns) ?? null;
    if (from === null) this.show(this.symbol, this.wanted); // nothing was shown, or bars are missing between
    else {
      this._drawing.update(from, before);
      this.panel.show();
      this.expected.changed();
      this.compare.follow(this._bars);
    }
  }

  // Called when the server can be reached again.
  retry() {
    if (!this._bars && this.symbol !== null && this.known && !this._asking) this.show(this.symbol, this.wanted);
  }

  openPicker(spec = null) {
    this._picking = this._catalogue ? null : () => this.openPicker(spec);
    if (this._catalogue) openPicker(this._catalogue, selection.tell, (drawn) => this._drawing?.studies.find((study) => study.spec === drawn), spec);
  }

  // Points at the bar of this time, as another chart is pointed at; null: at none.
  pointAt(time) {
    const i = !this._bars || time === null || time < this._bars.t[0] ? null : this._bars.around(time);
    this._drawing?.pointAt(i);
    this._point(i, null);
  }

  newest() {
    this.older.goal = null;
    if (this._bars) this._drawing.newest();
  }

  _take(answer) {
    this.replay.stop();
    this.interval = answer.interval;
    this._stored = answer.stored_interval;
    this._point(null, null);
    this.heading.offer(answer.intervals, this.interval);
    if (!answer.columns.t.length) {
      this._clear("no bars");
      return;
    }
    this._bars = new Bars(answer);
    this._catalogue?.learn(answer.outputs);
    this._say(null);
    this._drawing.show(this._bars, this._catalogue);
    this.panel.rebuild(this._drawing);
    this.expected.show({ symbol: this.symbol, interval: this.interval, stored: this._stored, bars: this._bars, drawing: this._drawing });
    this.onChart.show();
    this.compare.load(this._bars);
  }

  // Bars came in front of the one that opened at this time.
  _added(time) {
    this._drawing.refill(this._bars.around(time));
    this.panel.point(null);
    this.expected.older(time);
    this.compare.load(this._bars);
  }

  _remove(spec) {
    if (this.compare.remove(spec)) return;
    if (spec) selection.drop(spec);
    else selection.showPredictions(false);
    selection.tell();
  }

  // Draws what is selected now, asking for the columns that are not here.
  async _reselect() {
    if (!this._bars || this._asking) return;
    const here = selection.shownIndicators().every((spec) => this._bars.has(this._catalogue?.read(spec)));
    if (here) this._select();
    else {
      const turn = ++this._turn;
      this._missed = false;
      const { value, error } = await askBars(this.symbol, { interval: this.interval, limit: Math.max(PAGE_BARS, this._bars.length) });
      if (turn !== this._turn || this.replay.on) return; // after a replay, all is asked for again
      if (error) {
        this._say("error", error.message);
        return;
      }
      this.window.keep(this._bars.length, value.columns.t.length, () => this._take(value));
    }
    this._listen(!here && this._missed);
    this.older.arrived();
  }

  _select() {
    this._drawing.select(this._catalogue, this._compared);
    this.panel.rebuild(this._drawing);
  }

  // The crosshair is on this bar and this price, null where on none.
  _point(i, value, byHand = false) {
    this.panel.point(i);
    this.expected.point(i, value);
    if (byHand) this._pointed(i === null ? null : this._bars.t[i]);
  }

  _clear(state, detail) {
    this._bars = null;
    this.expected.show(null);
    this._say(state, detail);
  }

  _say(state, detail) {
    clearTimeout(this._again);
    this.panel.say(state, this.symbol, detail);
  }
}
