// The trail of past ranges: where the 80% band of five bars earlier lay, and a ring around each close that left it.
import { Primitive } from "./primitive.js";

const OPACITY = 0.16;
const RADIUS = 3.5;

export class Trail extends Primitive {
  constructor(chart) {
    super(chart);
    this._points = null;
  }

  // Shows these points, one for each bar (see PastRanges.trail), in the colours `band` and `missed`; null shows
  // nothing.
  show(points, closes, colors) {
    this._points = points;
    this._closes = closes;
    this._colors = colors;
    this.redraw();
  }

  // -- what the library calls

  paneViews() {
    return [
      { zOrder: () => "bottom", renderer: () => ({ draw: (target) => this._draw(target, (context) => this._bands(context)) }) },
      { zOrder: () => "top", renderer: () => ({ draw: (target) => this._draw(target, (context) => this._misses(context)) }) },
    ];
  }

  _draw(target, paint) {
    if (this._points) target.useMediaCoordinateSpace(({ context }) => paint(context));
  }

  // The indices of the bars in view.
  _view() {
    const range = this._chart.timeScale().getVisibleLogicalRange();
    return range ? [Math.max(0, Math.floor(range.from) - 1), Math.min(this._points.length - 1, Math.ceil(range.to) + 1)] : [0, -1];
  }

  _bands(context) {
    const [from, to] = this._view();
    context.fillStyle = this._colors.band;
    context.globalAlpha = OPACITY;
    for (let i = from; i <= to; i++) {
      if (!this._points[i]) continue;
      const first = i;
      while (i < to && this._points[i + 1]) i++;
      this._band(context, first, i);
    }
    context.globalAlpha = 1;
  }

  _band(context, first, last) {
    const scale = this._chart.timeScale();
    const edge = (name) => this._points.slice(first, last + 1).map((point, k) => [scale.logicalToCoordinate(first + k), this._series.priceToCoordinate(point[name])]);
    const around = [...edge("high"), ...edge("low").toReversed()];
    if (around.some(([x, y]) => x === null || y === null)) return;
    context.beginPath();
    around.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.fill();
  }

  _misses(context) {
    const [from, to] = this._view();
    const scale = this._chart.timeScale();
    context.strokeStyle = this._colors.missed;
    context.lineWidth = 1.6;
    for (let i = from; i <= to; i++) {
      if (!this._points[i]?.missed) continue;
      const [x, y] = [scale.logicalToCoordinate(i), this._series.priceToCoordinate(this._closes[i])];
      if (x === null || y === null) continue;
      context.beginPath();
      context.arc(x, y, RADIUS, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}
