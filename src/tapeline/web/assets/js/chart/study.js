// One indicator on the chart: its lines or histogram, over the price or in a pane of its own.
import { HistogramSeries, LineSeries, LineStyle } from "../../vendor/lightweight-charts.js";
import { compact, price } from "../format.js";
import { GUIDES, labelOf } from "./catalogue.js";
import { look } from "./look.js";
import { markText } from "./patternmarks.js";

const BESIDE = 0.35; // of the height of the candles: so much room an overlay may take above and below them
const BAND = new Set(["_upper", "_middle", "_lower"]); // these share one colour

export class Study {
  // `study` is what the catalogue says of the spec, `color` an index into the palette's lines, `style` as in linestyle.js. `span()`
  // gives the lowest and the highest price in view.
  constructor(chart, bars, study, { color, style }, pane, colors, span) {
    this.spec = study.spec;
    this.indicator = study.indicator;
    this._overPrice = study.overPrice;
    this.pane = pane;
    this.marks = study.marks;
    this.label = study.label ?? labelOf(study.spec);
    this._chart = chart;
    this._bars = bars;
    this._colors = colors;
    this._span = span;
    this._label = style?.label;
    const format = this._format(study.columns);
    this.columns = study.columns.map((column, i) => {
      const usual = column.style === "histogram" ? colors.soft : colors.lines[(color + (BAND.has(column.suffix) ? 0 : i)) % colors.lines.length];
      return {
        ...column, usual, color: style?.lines[column.suffix]?.color ?? usual, width: style?.lines[column.suffix]?.width,
        show: study.marks ? markText : column.drawn || study.compared ? format : this._bySize([column]), // a band's width is not a price
      };
    });
    this._series = this.columns.filter((column) => column.drawn).map((column) => [column, this._add(column, format)]);
    for (const level of GUIDES[study.indicator.name] ?? []) {
      this._series[0]?.[1].createPriceLine({
        price: level, color: colors.soft, lineWidth: 1, lineStyle: LineStyle.LargeDashed, axisLabelVisible: false, title: "",
      });
    }
    this.setData();
  }

  setData() {
    for (const [column, series] of this._series) {
      series.setData(this._bars.keys.map((_, i) => this._point(column, i)));
    }
  }

  // Draws the bars from index `from` on again; before the change there were `before` bars.
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
    const value = this._bars.column(column.name)[i];
    if (value === null) return { time };
    if (column.style !== "histogram") return { time, value };
    return { time, value, color: value < 0 ? this._colors.down : this._colors.up };
  }

  _add(column, format) {
    const minMove = this._overPrice ? 10 ** -this._bars.decimals : 0.0001;
    const common = {
      priceLineVisible: false, lastValueVisible: this._label || !this._overPrice, color: column.color,
      title: this._label ? labelOf(this.spec + column.suffix) : "",
      priceFormat: { type: "custom", minMove, formatter: format },
    };
    if (this._overPrice) common.autoscaleInfoProvider = (fitting) => (look.priceOnly ? null : beside(fitting(), this._span()));
    if (column.style === "histogram") return this._chart.addSeries(HistogramSeries, { ...common, base: 0 }, this.pane);
    const dots = column.style === "dots";
    return this._chart.addSeries(LineSeries, {
      ...common, lineWidth: column.width ?? (this._overPrice ? 1.5 : 1), lineStyle: column.style === "dashed" ? LineStyle.Dashed : LineStyle.Solid,
      lineVisible: !dots, pointMarkersVisible: dots, pointMarkersRadius: 1.5, crosshairMarkerVisible: false,
    }, this.pane);
  }

  // The function that formats what is drawn: as prices are over the price, otherwise with decimals for its size.
  _format(columns) {
    if (this._overPrice) {
      return (value) => price(value, Math.abs(value) >= 10 ** -this._bars.decimals || value === 0 ? this._bars.decimals : 6);
    }
    return this._bySize(columns);
  }

  _bySize(columns) {
    let largest = 0;
    for (const { name } of columns) {
      for (const value of this._bars.column(name)) if (value !== null) largest = Math.max(largest, Math.abs(value));
    }
    if (largest >= 1e6) return compact;
    const places = largest >= 1000 ? 0 : largest >= 10 ? 2 : largest >= 0.1 ? 3 : 5;
    return (value) => price(value, places);
  }
}

// The scale that an overlay asks for, cut so that levels far from the price do not flatten the candles.
export function beside(found, span) {
  if (!found?.priceRange || !span) return found;
  const room = (span.high - span.low || span.high * 0.01) * BESIDE;
  const minValue = Math.max(found.priceRange.minValue, span.low - room);
  const maxValue = Math.min(found.priceRange.maxValue, span.high + room);
  return minValue <= maxValue ? { ...found, priceRange: { minValue, maxValue } } : null;
}
