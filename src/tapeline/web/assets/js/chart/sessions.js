// Marks on an intraday chart: a line where a session begins, and a shade over pre-market and after hours.
import { Primitive } from "./primitive.js";

const LEAST_SPACING = 1.2; // pixels of a bar; below that, lines would lie side by side
const OPACITY = 0.09;

export class SessionMarks extends Primitive {
  constructor(chart) {
    super(chart);
    this._marks = null;
  }

  // Shows the marks of these bars in this colour; null shows none.
  show(bars, color) {
    this._marks = bars && !bars.daily ? { ...sessionMarks(bars), count: bars.length } : null;
    this._color = color;
    this.redraw();
  }

  // -- what the library calls

  paneViews() {
    return [{ zOrder: () => "bottom", renderer: () => ({ draw: (target) => this._draw(target) }) }];
  }

  _draw(target) {
    const scale = this._chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!this._marks || !range) return;
    const { barSpacing } = scale.options();
    const inView = (first, last) => last >= range.from - 1 && first <= range.to + 1;
    const x = (i) => scale.logicalToCoordinate(i) - barSpacing / 2;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      context.fillStyle = context.strokeStyle = this._color;
      context.globalAlpha = OPACITY;
      for (const [first, last] of this._marks.shaded) {
        if (inView(first, last)) context.fillRect(x(first), 0, (last - first + 1) * barSpacing, mediaSize.height);
      }
      context.globalAlpha = 0.35;
      context.lineWidth = 1;
      for (const i of barSpacing < LEAST_SPACING ? [] : this._marks.breaks) {
        if (!inView(i, i)) continue;
        context.beginPath();
        context.moveTo(Math.round(x(i)) + 0.5, 0);
        context.lineTo(Math.round(x(i)) + 0.5, mediaSize.height);
        context.stroke();
      }
      context.globalAlpha = 1;
    });
  }
}

// The indices at which a day begins at the exchange, and the first and last index of each stretch outside regular hours,
// which column `x` tells (0: regular).
export function sessionMarks({ keys, columns: { x } }) {
  const [breaks, shaded] = [[], []];
  for (let i = 0; i < keys.length; i++) {
    if (i && Math.floor(keys[i] / 86_400) !== Math.floor(keys[i - 1] / 86_400)) breaks.push(i);
    if (!x?.[i]) continue;
    if (i && x[i - 1] === x[i] && breaks.at(-1) !== i) shaded.at(-1)[1] = i;
    else shaded.push([i, i]);
  }
  return { breaks, shaded };
}
