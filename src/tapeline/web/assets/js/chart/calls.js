// The model's calls on the chart: an arrow where the call turns, coloured by what became of it, and P(UP) below.
import { BaselineSeries, LineStyle, createSeriesMarkers } from "../../vendor/lightweight-charts.js";

export const NAMES = ["", "UP", "DOWN", "HOLD"];
export const OUTCOMES = ["", "rose", "fell", "stayed flat"];
const UP = 1;
const HOLD = 3;

const SHOWN = [0.45, 0.55]; // at the least: a scale of half a percent makes noise look like conviction

export class Calls {
  constructor(chart, candles) {
    this._chart = chart;
    this._markers = createSeriesMarkers(candles, [], { zOrder: "top" });
    this._series = null;
  }

  // Whether any of these bars carries a call.
  static any(bars) {
    return Boolean(bars.column("s")?.some(Boolean));
  }

  // Draws into that pane; null takes everything away.
  show(bars, pane, colors) {
    if (this._series) this._chart.removeSeries(this._series);
    this._series = null;
    this._bars = bars;
    this._colors = colors;
    if (pane === null) {
      this._markers.setMarkers([]);
      return;
    }
    this._series = this._chart.addSeries(BaselineSeries, {
      baseValue: { type: "price", price: 0.5 }, lineWidth: 1, priceLineVisible: false, lastValueVisible: true,
      topLineColor: colors.up, topFillColor1: colors.upSoft, topFillColor2: colors.upSoft,
      bottomLineColor: colors.down, bottomFillColor1: colors.downSoft, bottomFillColor2: colors.downSoft,
      priceFormat: { type: "custom", minMove: 0.001, formatter: (p) => `${(p * 100).toFixed(1)}%` },
      crosshairMarkerVisible: false, autoscaleInfoProvider: widened,
    }, pane);
    this._series.createPriceLine({ price: 0.5, color: colors.soft, lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false, title: "" });
    this.setData();
  }

  setData() {
    if (!this._series) return;
    const p = this._bars.column("p");
    this._series.setData(this._bars.keys.map((time, i) => (p[i] === null ? { time } : { time, value: p[i] })));
    this._mark();
  }

  update(from, before) {
    if (!this._series) return;
    const p = this._bars.column("p");
    for (let i = from; i < this._bars.length; i++) {
      const time = this._bars.keys[i];
      this._series.update(p[i] === null ? { time } : { time, value: p[i] }, i < before - 1);
    }
    this._mark();
  }

  _mark() {
    const { keys } = this._bars;
    const s = this._bars.column("s");
    const y = this._bars.column("y") ?? [];
    const markers = [];
    for (let i = 0; i < keys.length; i++) {
      if (!s[i] || s[i] === HOLD || s[i] === s[i - 1]) continue;
      const up = s[i] === UP;
      markers.push({
        time: keys[i], position: up ? "belowBar" : "aboveBar", shape: up ? "arrowUp" : "arrowDown", size: 0.8,
        color: !y[i] || y[i] === HOLD ? this._colors.soft : y[i] === s[i] ? this._colors.right : this._colors.wrong,
      });
    }
    this._markers.setMarkers(markers);
  }
}

// The scale that fits what is shown, and some room around 50%.
function widened(fitting) {
  const found = fitting();
  const { minValue, maxValue } = found?.priceRange ?? { minValue: SHOWN[0], maxValue: SHOWN[1] };
  return { ...found, priceRange: { minValue: Math.min(minValue, SHOWN[0]), maxValue: Math.max(maxValue, SHOWN[1]) } };
}
