// The closes of other symbols as lines that begin where the price does at the left edge of the view.
//
// The library's own percent mode would let every indicator begin there as well, away from the prices it is made of.
import { Primitive } from "./primitive.js";

export class CompareLines extends Primitive {
  constructor(chart) {
    super(chart);
    this._lines = [];
  }

  // Shows these lines, { values, color }, beside these bars.
  show(lines, bars) {
    this._lines = lines;
    this._bars = bars;
    this.redraw();
  }

  // -- what the library calls

  paneViews() {
    return [{ zOrder: () => "normal", renderer: () => ({ draw: (target) => this._draw(target) }) }];
  }

  autoscaleInfo(from, to) {
    const points = this._shown(from, to).flatMap(({ points }) => points.map(({ value }) => value));
    return points.length ? { priceRange: { minValue: Math.min(...points), maxValue: Math.max(...points) } } : null;
  }

  _shown(from, to) {
    const [first, last] = [Math.max(0, Math.floor(from)), Math.min(this._bars?.length - 1, Math.ceil(to))];
    return this._lines.map(({ values, color }) => ({ color, points: rebased(values, this._bars.columns.c, first, last) }));
  }

  _draw(target) {
    const scale = this._chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range || !this._lines.length) return;
    target.useMediaCoordinateSpace(({ context }) => {
      context.lineWidth = 1.5;
      context.lineJoin = "round";
      for (const { points, color } of this._shown(range.from, range.to)) {
        context.strokeStyle = color;
        context.beginPath();
        points.forEach(({ i, value }, k) => context[k ? "lineTo" : "moveTo"](scale.logicalToCoordinate(i), this._series.priceToCoordinate(value)));
        context.stroke();
      }
    });
  }
}

// The values between two indices as { i, value }, multiplied so that the first one is the close of its bar.
export function rebased(values, closes, first, last) {
  const points = [];
  let factor = null;
  for (let i = first; i <= last; i++) {
    if (values[i] === null || values[i] === undefined) continue;
    factor ??= closes[i] / values[i];
    points.push({ i, value: values[i] * factor });
  }
  return points;
}
