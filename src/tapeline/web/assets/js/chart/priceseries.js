// The series of prices in the chosen style, and what is attached to it: everything drawn at a price.
import { AreaSeries, BarSeries, CandlestickSeries, LineSeries } from "../../vendor/lightweight-charts.js";
import { heikinAshi } from "./heikin.js";

const KINDS = { candles: CandlestickSeries, hollow: CandlestickSeries, heikin: CandlestickSeries, bars: BarSeries, line: LineSeries, area: AreaSeries };

export class PriceSeries {
  constructor(chart) {
    this._chart = chart;
    this._primitives = [];
    this._format = {};
    this.api = null; // the library's series
  }

  // Makes the series anew in this style; what is attached moves along.
  make(style, colors) {
    const old = this.api;
    for (const primitive of old ? this._primitives : []) old.detachPrimitive(primitive);
    this.style = style;
    this._colors = colors;
    this.api = this._chart.addSeries(KINDS[style], this._options(colors));
    if (old) this._chart.removeSeries(old);
    this.api.setSeriesOrder(0); // below the indicators
    for (const primitive of this._primitives) this.api.attachPrimitive(primitive);
  }

  attach(primitive) {
    this._primitives.push(primitive);
    this.api.attachPrimitive(primitive);
  }

  paint(colors) {
    this._colors = colors;
    this.api.applyOptions(this._options(colors));
  }

  format(priceFormat) {
    this._format = { priceFormat };
    this.api.applyOptions(this._format);
  }

  fill(bars) {
    this._heikin = this.style === "heikin" ? heikinAshi(bars.columns) : null;
    this.api.setData(bars.keys.map((_, i) => this._point(bars, i)));
  }

  // Draws the bars from index `from` on again; before the change there were `before` bars.
  update(bars, from, before) {
    if (this._heikin) heikinAshi(bars.columns, this._heikin, from);
    for (let i = from; i < bars.length; i++) this.api.update(this._point(bars, i), i < before - 1);
  }

  _point(bars, i) {
    const time = bars.keys[i];
    const { o, h, l, c } = this._heikin ?? bars.columns;
    if (this.style === "line" || this.style === "area") return { time, value: c[i] };
    const point = { time, open: o[i], high: h[i], low: l[i], close: c[i] };
    if (this.style !== "hollow") return point;
    const { up, down } = this._colors; // hollow where the bar rose, in the colour of the move since the last close
    const color = i && c[i] < c[i - 1] ? down : up;
    return { ...point, color: c[i] >= o[i] ? "transparent" : color, borderColor: color, wickColor: color };
  }

  _options({ up, down, lines, panel }) {
    const common = { priceLineWidth: 1, ...this._format };
    const [color] = lines;
    if (this.style === "line") return { ...common, color, lineWidth: 2, crosshairMarkerVisible: false };
    if (this.style === "area") return { ...common, lineColor: color, lineWidth: 2, topColor: `${color}55`, bottomColor: `${panel}00`, crosshairMarkerVisible: false };
    if (this.style === "bars") return { ...common, upColor: up, downColor: down, thinBars: true };
    return { ...common, borderVisible: this.style === "hollow", upColor: up, downColor: down, wickUpColor: up, wickDownColor: down };
  }
}
