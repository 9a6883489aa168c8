// The model's calls on the chart: an arrow where the call changes, coloured by whether it came true, and P(UP) below.
import { BaselineSeries, LineStyle, createSeriesMarkers } from "../../vendor/lightweight-charts.js";
import { percent } from "../format.js";

export const NAMES = ["", "UP", "DOWN", "HOLD"];
export const OUTCOMES = ["", "rose", "fell", "stayed flat"];
const UP = 1;
export const HOLD = 3;

const MOST_ARROWS = 60; // in view; more of them bury the candles
const LEAST_SCALE = [0.45, 0.55]; // a scale of half a percent would make noise look like conviction

export class Calls {
  constructor(chart, prices) {
    this._chart = chart;
    this.attach(prices);
    this._series = null;
    this._arrows = [];
    this._crowded = false;
    chart.timeScale().subscribeVisibleLogicalRangeChange((range) => range && this._thin(range));
  }

  // Puts the arrows on this series; `show` draws them.
  attach(prices) {
    this._markers = createSeriesMarkers(prices, [], { zOrder: "top" });
  }

  // Whether any of these bars has a call.
  static any(bars) {
    return Boolean(bars.column("s")?.some(Boolean));
  }

  // Draws into this pane; null removes everything.
  show(bars, pane, colors) {
    if (this._series) this._chart.removeSeries(this._series);
    this._series = null;
    this._bars = bars;
    this._colors = colors;
    if (pane === null) {
      this._arrows = [];
      this._markers.setMarkers([]);
      return;
    }
    this._series = this._chart.addSeries(BaselineSeries, {
      baseValue: { type: "price", price: 0.5 }, lineWidth: 1, priceLineVisible: false, lastValueVisible: true,
      topLineColor: colors.up, topFillColor1: colors.upSoft, topFillColor2: colors.upSoft,
      bottomLineColor: colors.down, bottomFillColor1: colors.downSoft, bottomFillColor2: colors.downSoft,
      priceFormat: { type: "custom", minMove: 0.001, formatter: (value) => percent(value) },
      crosshairMarkerVisible: false, autoscaleInfoProvider: widened,
    }, pane);
    this._series.createPriceLine({ price: 0.5, color: colors.soft, lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false, title: "" });
    this.setData();
  }

  setData() {
    if (!this._series) return;
    this._series.setData(this._bars.keys.map((_, i) => this._point(i)));
    this._mark();
  }

  update(from, before) {
    if (!this._series) return;
    for (let i = from; i < this._bars.length; i++) this._series.update(this._point(i), i < before - 1);
    this._mark();
  }

  _point(i) {
    const time = this._bars.keys[i];
    const value = this._bars.column("p")[i];
    return value === null ? { time } : { time, value };
  }

  _mark() {
    const { keys } = this._bars;
    const calls = this._bars.column("s");
    const outcomes = this._bars.column("y");
    const markers = [];
    for (let i = 0; i < keys.length; i++) {
      const [call, outcome] = [calls[i], outcomes[i]];
      if (!call || call === HOLD || call === calls[i - 1]) continue;
      const up = call === UP;
      markers.push({
        time: keys[i], position: up ? "belowBar" : "aboveBar", shape: up ? "arrowUp" : "arrowDown", size: 0.8,
        color: !outcome || outcome === HOLD ? this._colors.soft : outcome === call ? this._colors.right : this._colors.wrong,
      });
    }
    this._arrows = markers;
    this._crowded = null;
    const range = this._chart.timeScale().getVisibleLogicalRange();
    if (range) this._thin(range);
    else this._markers.setMarkers(markers);
  }

  // Draws the arrows unless too many are in this view.
  _thin({ from, to }) {
    if (!this._bars) return;
    const [first, last] = [this._bars.keys[Math.max(0, Math.floor(from))], this._bars.keys[Math.min(this._bars.length - 1, Math.ceil(to))]];
    const count = this._arrows.reduce((sum, { time }) => sum + (time >= first && time <= last), 0);
    if (this._crowded === count > MOST_ARROWS) return;
    this._crowded = count > MOST_ARROWS;
    this._markers.setMarkers(this._crowded ? [] : this._arrows);
  }
}

// The scale that fits what is in view, widened around 50%.
function widened(fitting) {
  const found = fitting();
  const { minValue, maxValue } = found?.priceRange ?? { minValue: 0.5, maxValue: 0.5 };
  return { ...found, priceRange: { minValue: Math.min(minValue, LEAST_SCALE[0]), maxValue: Math.max(maxValue, LEAST_SCALE[1]) } };
}
