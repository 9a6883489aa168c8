// One indicator on the chart: its series, over the price or in a pane of its own.
import { HistogramSeries, LineSeries, LineStyle } from "../../vendor/lightweight-charts.js";
import { amount, price } from "../format.js";
import { GUIDES } from "./catalogue.js";

const BAND = new Set(["_upper", "_middle", "_lower"]); // of one colour

export class Study {
  // `read` is what the catalogue says of the spec, `color` a place in the palette.
  constructor(chart, bars, read, color, pane, colors) {
    this.spec = read.spec;
    this.read = read;
    this.pane = pane;
    this._chart = chart;
    this._bars = bars;
    this._colors = colors;
    this._color = color;
    const format = this._format();
    this.columns = read.columns.map((column, i) => ({
      ...column,
      color: column.style === "histogram" ? colors.soft : colors.lines[(color + (BAND.has(column.suffix) ? 0 : i)) % colors.lines.length],
      show: column.drawn ? format : this._sized([column]), // a band's width is no price
    }));
    this._series = this.columns.filter((column) => column.drawn).map((column) => [column, this._add(column, format)]);
    const guides = GUIDES[read.indicator.name] ?? [];
    for (const level of guides) {
      this._series[0]?.[1].createPriceLine({
        price: level, color: colors.soft, lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false, title: "",
      });
    }
    this.setData();
  }

  setData() {
    for (const [column, series] of this._series) {
      series.setData(this._bars.keys.map((_, i) => this._point(column, i)));
    }
  }

  // Draws the bars from `from` on anew; `before` is how many there were.
  update(from, before) {
    for (const [column, series] of this._series) {
      for (let i = from; i < this._bars.length; i++) series.update(this._point(column, i), i < before - 1);
    }
  }

  remove() {
    for (const [, series] of this._series) this._chart.removeSeries(series);
    this._series = [];
  }

  _point(column, i) {
    const time = this._bars.keys[i];
    const value = this._bars.column(column.name)?.[i];
    if (value === null || value === undefined) return { time };
    if (column.style !== "histogram") return { time, value };
    return { time, value, color: value < 0 ? this._colors.down : this._colors.up };
  }

  _add(column, format) {
    const minMove = this.read.overPrice ? 10 ** -this._bars.decimals : 0.0001;
    const common = {
      priceLineVisible: false, lastValueVisible: !this.read.overPrice, color: column.color,
      priceFormat: { type: "custom", minMove, formatter: format },
    };
    if (column.style === "histogram") return this._chart.addSeries(HistogramSeries, { ...common, base: 0 }, this.pane);
    const dots = column.style === "dots";
    return this._chart.addSeries(LineSeries, {
      ...common, lineWidth: this.read.overPrice ? 1.5 : 1, lineStyle: column.style === "dashed" ? LineStyle.Dashed : LineStyle.Solid,
      lineVisible: !dots, pointMarkersVisible: dots, pointMarkersRadius: 1.5, crosshairMarkerVisible: false,
    }, this.pane);
  }

  // How what is drawn is shown: like prices over the price, otherwise by its size.
  _format() {
    if (this.read.overPrice) {
      return (value) => price(value, Math.abs(value) >= 10 ** -this._bars.decimals || value === 0 ? this._bars.decimals : 6);
    }
    return this._sized(this.read.columns);
  }

  _sized(columns) {
    let largest = 0;
    for (const { name } of columns) {
      for (const value of this._bars.column(name) ?? []) if (value !== null) largest = Math.max(largest, Math.abs(value));
    }
    if (largest >= 1e6) return amount;
    const places = largest >= 1000 ? 0 : largest >= 10 ? 2 : largest >= 0.1 ? 3 : 5;
    return (value) => price(value, places);
  }
}
