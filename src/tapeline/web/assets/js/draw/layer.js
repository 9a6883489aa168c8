// Draws shapes, alert lines and the marks of fired alerts over the candles.
import { Primitive } from "../chart/primitive.js";
import { price } from "../format.js";
import { levelText, levels, measured, pieces } from "./shapes.js";

const HANDLE = 4;
const BELL = 5;

export class Layer extends Primitive {
  // `chart` is the library's, `colors()` gives the palette; `dated(mark)` says whether an alert fired on a bar of a day.
  constructor(chart, colors, dated) {
    super(chart);
    this._colors = colors;
    this._dated = dated;
    this.shapes = [];
    this.alerts = []; // { price, text }
    this.fired = []; // { id, t, price, longBars }
    this.chosen = null; // the shape or alert that is selected
    this.bars = null;
  }

  // Where a point of time and price is on the screen: at the bar that the time falls into.
  at({ t, p, date }) {
    return { x: this._chart.timeScale().logicalToCoordinate(this.bars.position(t, date)), y: this._series.priceToCoordinate(p) };
  }

  // The point of time and price at a place on the screen, null outside of the scales.
  point(x, y) {
    const [i, p] = [this._chart.timeScale().coordinateToLogical(x), this._series.coordinateToPrice(y)];
    return i === null || p === null ? null : this.bars.pointAt(Math.round(i), p);
  }

  piecesOf(shape) {
    return pieces(shape, shape.points.map((point) => this.at(point)), this._chart.timeScale().width(), (p) => this._series.priceToCoordinate(p));
  }

  // -- what the library calls

  paneViews() {
    return [{ zOrder: () => "top", renderer: () => ({ draw: (target) => this.bars && target.useMediaCoordinateSpace((space) => this._draw(space)) }) }];
  }

  _draw({ context, mediaSize }) {
    const colors = this._colors();
    context.font = `11px ${colors.font}`;
    context.textBaseline = "middle";
    for (const shape of this.shapes) this._shape(context, shape, colors, mediaSize.width);
    for (const alert of this.alerts) this._alert(context, alert, colors, mediaSize.width);
    context.fillStyle = colors.warn;
    for (const mark of this.fired) this._bell(context, this.at({ t: mark.t, p: mark.price, date: this._dated(mark) }));
  }

  _shape(context, shape, colors, width) {
    const at = shape.points.map((point) => this.at(point));
    if (at.some(({ x, y }) => x === null || y === null)) return;
    context.strokeStyle = context.fillStyle = shape.kind === "measure" && at[1].y > at[0].y ? colors.down : colors.accent;
    context.lineWidth = 1.5;
    if (shape.kind === "box" || shape.kind === "measure") {
      context.globalAlpha = 0.12;
      context.fillRect(at[0].x, at[0].y, at[1].x - at[0].x, at[1].y - at[0].y);
      context.globalAlpha = 1;
    }
    if (shape.kind !== "text") this.piecesOf(shape).forEach((piece) => line(context, piece));
    context.fillStyle = colors.ink;
    const { decimals } = this.bars;
    if (shape.kind === "fibonacci") this._ratios(context, shape, at, width);
    if (shape.kind === "measure") context.fillText(measured(shape.points, this.bars, decimals), Math.min(at[0].x, at[1].x), Math.min(at[0].y, at[1].y) - 9);
    if (shape.kind === "text") context.fillText(shape.text, at[0].x, at[0].y);
    if (shape !== this.chosen) return;
    context.fillStyle = colors.panel;
    context.strokeStyle = colors.accent;
    for (const { x, y } of at) {
      context.beginPath();
      context.arc(x, y, HANDLE, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  // The words of each level after its line; above it where it goes on past the right edge.
  _ratios(context, { points }, at, width) {
    const [first, last] = [Math.min(at[0].x, at[1].x), Math.max(at[0].x, at[1].x)];
    if (first > width || last < 0) return;
    for (const level of levels(points)) {
      const words = levelText(level, this.bars.decimals);
      const most = width - context.measureText(words).width - 8;
      context.fillText(words, Math.min(last + 5, most), this.at({ t: 0, p: level.p }).y - (last + 5 > most ? 7 : 0));
    }
  }

  _alert(context, alert, colors, width) {
    const y = this._series.priceToCoordinate(alert.price);
    if (y === null) return;
    context.strokeStyle = context.fillStyle = colors.warn;
    context.lineWidth = alert === this.chosen ? 2 : 1;
    context.setLineDash([6, 4]);
    line(context, [0, y, width, y]);
    context.setLineDash([]);
    const words = `alert ${price(alert.price, this.bars.decimals)}`;
    context.fillText(words, width - context.measureText(words).width - 8, y - 8);
  }

  // A triangle above the bar and the price at which an alert fired.
  _bell(context, { x, y }) {
    if (x === null || y === null) return;
    context.beginPath();
    context.moveTo(x, y - 8);
    context.lineTo(x - BELL, y - 8 - 2 * BELL);
    context.lineTo(x + BELL, y - 8 - 2 * BELL);
    context.fill();
  }
}

function line(context, [x1, y1, x2, y2]) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}
