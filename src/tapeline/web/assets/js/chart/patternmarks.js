// Candle patterns as marks on the bars at which they end: below the bar where they are bullish, above it where bearish.
import { createSeriesMarkers } from "../../vendor/lightweight-charts.js";

const NAME_WIDTH = 80; // pixels; where the names would overlap only the dots are drawn
const MOST_MARKS = 120; // in view; more of them bury the candles
const NEUTRAL = new Set(["cdldoji"]); // says nothing of the direction

export class PatternMarks {
  constructor(chart, prices) {
    this._chart = chart;
    this._marks = [];
    this._drawn = null; // what is drawn of them: "names", "dots" or "nothing"
    this.attach(prices);
    chart.timeScale().subscribeVisibleLogicalRangeChange((range) => range && this._thin(range));
  }

  // Puts the marks on this series.
  attach(prices) {
    this._markers = createSeriesMarkers(prices, [], { zOrder: "top" });
    this._drawn = null;
  }

  // Shows those of these studies that are patterns.
  show(bars, studies, colors) {
    this._bars = bars;
    this._colors = colors;
    this._patterns = studies.filter(({ marks }) => marks).map(({ indicator, columns: [{ name }] }) => ({ name, indicator }));
    this.setData();
  }

  // Finds the marks again, after bars came or changed.
  setData() {
    if (!this._patterns?.length && !this._marks.length) return;
    this._marks = marksOf(this._bars, this._patterns, this._colors);
    this._drawn = null;
    const range = this._chart.timeScale().getVisibleLogicalRange();
    if (range) this._thin(range);
  }

  _thin({ from, to }) {
    if (!this._bars) return;
    const count = this._marks.reduce((sum, { index }) => sum + (index >= from && index <= to), 0);
    const drawn = count > MOST_MARKS ? "nothing" : count * NAME_WIDTH > this._chart.timeScale().width() ? "dots" : "names";
    if (drawn === this._drawn) return;
    this._drawn = drawn;
    this._markers.setMarkers(drawn === "nothing" ? [] : this._marks.map((mark) => (drawn === "dots" ? { ...mark, text: "" } : mark)));
  }
}

// A mark for each bar at which a pattern ends, in the order of time.
export function marksOf(bars, patterns, { up, down, soft }) {
  const marks = [];
  for (let index = 0; index < bars.keys.length; index++) {
    for (const { name, indicator } of patterns) {
      const value = bars.columns[name]?.[index];
      if (!value) continue;
      const bullish = value > 0;
      marks.push({
        index, time: bars.keys[index], position: bullish ? "belowBar" : "aboveBar", shape: "circle", size: 0.5, text: indicator.title,
        color: NEUTRAL.has(indicator.name) ? soft : bullish ? up : down,
      });
    }
  }
  return marks;
}

// The patterns that end at the bar with this index, such as "Hammer, Doji".
export function marksAt(studies, bars, i) {
  return studies.filter(({ columns: [{ name }] }) => bars.columns[name]?.[i]).map(({ label }) => label).join(", ");
}

// What the data window says of a pattern at a bar.
export const markText = (value) => (value ? (value > 0 ? "bullish" : "bearish") : "–");
