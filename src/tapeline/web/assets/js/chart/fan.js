// The fan of a range forecast: bands of 50, 80 and 95% from the last close over the next bars, behind the candles.
//
// The drawing library has no bars in the future, but its time scale goes on: a place there is a number of bars.
import { look } from "./look.js";
import { Primitive } from "./primitive.js";

const BANDS = [[95, 0.1], [80, 0.14], [50, 0.2]];

export class Fan extends Primitive {
  constructor(chart) {
    super(chart);
    this._points = null;
    this._color = "";
  }

  // Shows this answer of GET /symbols/{symbol}/forecast on these bars; null, or one of another bar, shows nothing.
  show(forecast, bars, color) {
    this._points = forecast?.horizons ? fanPoints(forecast, bars.t) : null;
    this._color = color;
    this.redraw();
  }

  // How many bars after the newest one it reaches.
  get reach() {
    return this._points ? this._points.reach : 0;
  }

  // -- what the library calls

  paneViews() {
    return [{ zOrder: () => "bottom", renderer: () => ({ draw: (target) => this._draw(target) }) }];
  }

  // The scale of prices makes room for the 80% band.
  autoscaleInfo() {
    if (!this._points || look.priceOnly) return null;
    return { priceRange: { minValue: this._points.least, maxValue: this._points.most } };
  }

  _draw(target) {
    if (!this._points) return;
    const scale = this._chart.timeScale();
    target.useMediaCoordinateSpace(({ context }) => {
      context.fillStyle = this._color;
      for (const [coverage, opacity] of BANDS) {
        const { low, high } = this._points.bands[coverage];
        const edge = [...high, ...low.toReversed()].map(({ at, value }) => [scale.logicalToCoordinate(at), this._series.priceToCoordinate(value)]);
        if (edge.some(([x, y]) => x === null || y === null)) continue;
        context.globalAlpha = opacity;
        context.beginPath();
        edge.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
        context.fill();
      }
      context.globalAlpha = 1;
    });
  }
}

// The edges of each band as { at, value }, `at` counted in bars, from the close of the forecast's bar on; null where that
// bar is not among these times or an edge is no number. `least` and `most` are the ends of the 80% band, `reach` how far after
// the newest bar.
export function fanPoints({ timestamp, close, horizons }, times) {
  const from = times.lastIndexOf(timestamp);
  const steps = Object.keys(horizons).map(Number).sort((a, b) => a - b);
  if (from < 0 || !steps.length) return null;
  const start = { at: from, value: close };
  const edge = (name) => [start, ...steps.map((step) => ({ at: from + step, value: horizons[step][name] }))];
  const bands = Object.fromEntries(BANDS.map(([coverage]) => [coverage, { low: edge(`low_${coverage}`), high: edge(`high_${coverage}`) }]));
  const values = (points) => points.map(({ value }) => value);
  if (!Object.values(bands).every(({ low, high }) => [...values(low), ...values(high)].every(Number.isFinite))) return null;
  return {
    bands,
    least: Math.min(...values(bands[80].low)),
    most: Math.max(...values(bands[80].high)),
    reach: Math.max(0, from + steps.at(-1) - (times.length - 1)),
  };
}
