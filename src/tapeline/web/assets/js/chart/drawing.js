// Candles, volume, indicators and calls of one symbol on the drawing library's chart.
import { HistogramSeries, PriceScaleMode, createChart } from "../../vendor/lightweight-charts.js";
import { warmClocks } from "../format.js";
import { palette } from "../theme.js";
import { Calls } from "./calls.js";
import { CompareLines } from "./comparelines.js";
import { Fan } from "./fan.js";
import { look } from "./look.js";
import { chartOptions } from "./options.js";
import { PatternMarks } from "./patternmarks.js";
import { priceFormat } from "./priceformat.js";
import { PriceSeries } from "./priceseries.js";
import { expectedReach } from "./reach.js";
import * as selection from "./selection.js";
import { SessionMarks } from "./sessions.js";
import { Study } from "./study.js";
import { Trail } from "./trail.js";
import { Window } from "./window.js";

const NEAR_EDGE = 80; // with fewer bars left of the window, older ones are asked for
const PRICE_STRETCH = 3.2; // the height of the price pane, in those of the others
const MOST_UPDATED = 200; // bars drawn one by one; beyond that, drawing all of them is faster

export class Drawing {
  // `pointed(i, value, byHand)` hears which bar and price the crosshair is on (null: none), `olderWanted()` that older bars come into view,
  // `moved()` that the window moved.
  constructor(element, { pointed, olderWanted, moved }) {
    warmClocks();
    this.bars = null;
    this.studies = [];
    this.colors = palette();
    this.chart = createChart(element, { autoSize: true, ...chartOptions(this.colors) });
    this.window = new Window(this.chart.timeScale());
    this.prices = new PriceSeries(this.chart);
    this.prices.make(look.style, this.colors);
    this._volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false,
    });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this._top = 0;
    this._calls = new Calls(this.chart, this._candles);
    this._patterns = new PatternMarks(this.chart, this._candles);
    this._sessions = new SessionMarks(this.chart);
    this._fan = new Fan(this.chart);
    this._trail = new Trail(this.chart);
    this._lines = new CompareLines(this.chart);
    for (const primitive of [this._sessions, this._fan, this._trail, this._lines]) this.prices.attach(primitive);
    this._forecast = null;
    this._room = null; // the places to be left for a fan that is on its way, null where it is not
    this.chart.subscribeCrosshairMove((event) => {
      const i = event.time === undefined || !event.point || !this.bars ? -1 : this.bars.at(event.time);
      const value = event.point && event.paneIndex === 0 ? this._candles.coordinateToPrice(event.point.y) : null;
      pointed(i < 0 ? null : i, value, event.sourceEvent !== undefined);
    });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      moved();
      if (range && this._base && this.bars.columns.c[Math.max(0, Math.floor(range.from))] !== this._base) this._scale();
      if (range && this.bars && this.bars.older !== null && range.from < NEAR_EDGE) olderWanted();
    });
  }

  // Shows these bars, the newest at the right.
  show(bars, catalogue, compared) {
    this.bars = bars;
    this._forecast = this._past = this._early = null;
    this._room = expectedReach(bars);
    this._trail.show(null);
    this._drawFan();
    this.chart.applyOptions({
      timeScale: { timeVisible: !bars.daily },
      localization: { timeFormatter: (key) => this._timeLabel(key) },
    });
    this.prices.format(priceFormat(bars.decimals, null));
    this._fill();
    this.select(catalogue, compared);
    this.newest();
  }

  // The library's series of prices.
  get _candles() {
    return this.prices.api;
  }

  // Draws the calls, those of the selected indicators whose columns are here, and the symbols compared with.
  select(catalogue, compared = []) {
    for (const study of this.studies) study.remove();
    this.studies = [];
    const bars = this.bars;
    let pane = 0;
    this._calls.show(bars, selection.predictions && Calls.any(bars) ? ++pane : null, this.colors);
    this.callsPane = pane || null;
    for (const entry of catalogue ? selection.chosen : []) {
      const study = catalogue.read(entry.spec);
      if (!study || !bars.has(study)) continue;
      this.studies.push(new Study(this.chart, bars, study, entry, study.overPrice ? 0 : ++pane, this.colors, () => this.span()));
    }
    compared.forEach((study, k) => this.studies.push(new Study(this.chart, bars, study, { color: 2 + k }, 0, this.colors)));
    this._patterns.show(bars, this.studies, this.colors);
    this._compared = compared.length > 0;
    this._lines.show(this.studies.slice(this.studies.length - compared.length).map(({ columns: [{ name, color }] }) => ({ values: bars.column(name), color })), bars);
    this._scale();
    this.chart.panes().forEach((drawn, i) => {
      drawn.setStretchFactor(i ? 1 : PRICE_STRETCH);
      if (i) drawn.priceScale("right").applyOptions({ scaleMargins: { top: 0.22, bottom: 0.08 } });
    });
  }

  // Takes a changed look: another style is another series.
  restyle() {
    if (look.style !== this.prices.style) {
      this.prices.make(look.style, this.colors);
      for (const marks of [this._calls, this._patterns]) marks.attach(this._candles);
      this.prices.fill(this.bars);
      for (const marks of [this._calls, this._patterns]) marks.setData();
    }
    this._markSessions();
    this._scale();
  }

  // Sets the scale; symbols that are compared have nothing in common but percents. These count from the first close in
  // view, on the same scale as the prices, so that indicators stay where they belong.
  _scale() {
    const { decimals } = this.bars;
    const shown = look.scale === "percent" || this._compared;
    this._base = shown ? this.bars.columns.c[Math.max(0, Math.floor(this.window.from))] : null;
    this.chart.priceScale("right").applyOptions({ mode: look.scale === "log" ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal });
    this.prices.format(priceFormat(decimals, this._base));
  }

  _markSessions() {
    this._sessions.show(look.sessions ? this.bars : null, this.colors.soft);
  }

  // Draws the fan of this forecast (null: none), and makes room for it unless the window was moved; whether its bar is here.
  forecast(found) {
    this._early = found && this.bars.t.lastIndexOf(found.timestamp) < 0 ? found : null; // its bar has not come yet
    if (this._early) return false;
    this._forecast = found;
    const follows = this.window.isNewest(this.bars.length);
    this._drawFan();
    this._room = null;
    if (follows) this.newest();
    return true;
  }

  // Draws the fan of this past forecast in place of the newest one; null: the newest one again.
  pastForecast(found) {
    this._past = found;
    this._drawFan();
  }

  // Draws the trail of past ranges, one point for each bar; null: none.
  trail(points) {
    this._trail.show(points, this.bars.columns.c, { band: this.colors.lines[0], missed: this.colors.wrong });
  }

  _drawFan() {
    this._fan.show(this._past ?? this._forecast, this.bars, this.colors.lines[0]);
  }

  // Draws all bars again, of which `older` were put in front.
  refill(older = 0) {
    this._fill();
    this.window.shift(older);
    this._drawFan();
    for (const shown of [this._calls, this._patterns, ...this.studies]) shown.setData();
  }

  // Draws the bars from index `from` on again; before the change there were `before` bars.
  update(from, before) {
    if (before - from > MOST_UPDATED) {
      this.refill();
      return;
    }
    for (let i = from; i < this.bars.length; i++) {
      this._volume.update(this._column(i), i < before - 1);
    }
    this.prices.update(this.bars, from, before);
    if (this.bars.length > before) this._markSessions();
    this._calls.update(from, before);
    this._patterns.setData();
    for (const study of this.studies) study.update(from, before);
    if (this._early) this.forecast(this._early);
  }

  // The lowest and the highest price of the candles in view, null where there are none.
  span() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    return range && this.bars.span(Math.floor(range.from), Math.ceil(range.to));
  }

  // Leaves this many pixels free above the candles.
  leaveFree(pixels) {
    const height = this.chart.panes()[0].getHeight();
    const top = Math.min(0.4, (pixels + 10) / Math.max(height, 1));
    if (height && Math.abs(top - this._top) > 0.005) {
      this._top = top;
      this.chart.priceScale("right").applyOptions({ scaleMargins: { top, bottom: 0.18 } });
    }
  }

  // Puts the crosshair on the bar with this index; null takes it away.
  pointAt(i) {
    if (i === null) this.chart.clearCrosshairPosition();
    else this.chart.setCrosshairPosition(this.bars.columns.c[i], this.bars.keys[i], this._candles);
  }

  // How many bars after the newest one the fan reaches.
  get reach() {
    return this._fan.reach;
  }

  // Moves the window to the newest bar, with room for the fan, also for one that is on its way.
  newest() {
    this.window.newest(this.bars.length, this._room ?? this.reach);
  }

  recolor(catalogue, compared) {
    this.colors = palette();
    this.chart.applyOptions(chartOptions(this.colors));
    this.prices.paint(this.colors);
    if (this.bars) {
      this._fill();
      this._drawFan();
      this.select(catalogue, compared);
    }
  }

  _fill() {
    this.prices.fill(this.bars);
    this._markSessions();
    this._volume.setData(this.bars.keys.map((_, i) => this._column(i)));
  }

  _column(i) {
    const { o, c, v } = this.bars.columns;
    return { time: this.bars.keys[i], value: v[i] ?? 0, color: c[i] < o[i] ? this.colors.downSoft : this.colors.upSoft };
  }

  _timeLabel(key) {
    const i = this.bars.at(key);
    return i < 0 ? "" : this.bars.clock.full(this.bars.t[i]);
  }
}
