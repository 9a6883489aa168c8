// The drawings of one chart: choosing a tool, placing points, moving and deleting shapes, and undoing.
import { attribute, fill, h } from "../dom.js";
import { asked } from "./ask.js";
import { KINDS, distance } from "./shapes.js";
import { SymbolDrawings } from "./symboldrawings.js";

const NEAR = 7; // pixels within which a shape is hit
const STEP = 0.004; // of the prices in view: how far an arrow key moves a shape

export class Drawings {
  // `bar` is the toolbar's element, `layer` draws, `view()` gives { bars, drawing } of what is shown.
  constructor(bar, layer, view) {
    this.layer = layer;
    this.tool = null; // the kind that is being placed
    this._view = view;
    this._symbol = null;
    this._drawn = null; // the drawings of the symbol
    this._redraw = () => this._show();
    this._placed = []; // points of the shape that is being placed
    this._buttons = Object.entries(KINDS).map(([kind, { label, key }]) => h("button", {
      type: "button", "data-kind": kind, title: `${label} (Alt+${key})`, "aria-label": label, "aria-pressed": "false", onclick: () => this.choose(kind),
    }, h("i", { class: `tool ${kind}`, "aria-hidden": "true" })));
    this._back = h("button", { type: "button", title: "Undo (Ctrl+Z)", "aria-label": "Undo", onclick: () => this.undo(-1) }, "↶");
    this._remove = h("button", { type: "button", title: "Delete (Del)", "aria-label": "Delete the drawing", onclick: () => this.remove() }, "×");
    fill(bar, this._buttons, this._back, this._remove);
    this._show();
  }

  // Takes the symbol whose bars are shown now.
  begin(symbol) {
    if (symbol !== this._symbol) {
      this._drawn?.leave(this._redraw);
      this._symbol = symbol;
      this._drawn = SymbolDrawings.join(symbol, this._redraw);
      this.cancel();
    } else this._show();
  }

  // Takes up a tool, or lays it down.
  choose(kind) {
    this.tool = this.tool === kind ? null : kind;
    this._placed = [];
    this.layer.chosen = null;
    this._show();
  }

  cancel() {
    this.tool = null;
    this._placed = [];
    this.layer.chosen = null;
    this._show();
  }

  undo(by) {
    const { chosen } = this.layer;
    this.layer.chosen = null;
    if (!this._drawn.go(by)) this.layer.chosen = chosen;
  }

  remove() {
    const shape = this.layer.chosen;
    if (!this._shapes.includes(shape)) return;
    this.layer.chosen = null;
    this._drawn.put(this._shapes.filter((other) => other !== shape));
  }

  // Places the next point of the tool's shape; the last one adds it.
  async place(point) {
    const kind = this.tool;
    this._placed.push(point);
    if (this._placed.length < KINDS[kind].points) {
      this._show();
      return;
    }
    const [shape, symbol] = [{ kind, points: this._placed }, this._symbol];
    this.cancel();
    if (kind === "text") shape.text = await asked("Text", "Words at this place");
    if ((kind === "text" && !shape.text) || symbol !== this._symbol) return;
    this.layer.chosen = shape;
    this._drawn.put([...this._shapes, shape]);
  }

  // Shows the shape as it would be with its next point here.
  preview(point) {
    const missing = KINDS[this.tool].points - this._placed.length;
    this._draft = { kind: this.tool, points: [...this._placed, ...Array(missing).fill(point)], text: "Text" };
    this._show();
  }

  // Places the tool's shape in the middle of what is in view, for those who use the keyboard.
  placeInTheMiddle() {
    const { bars, drawing } = this._view();
    const { from, to } = drawing.window.range;
    const at = (share) => Math.min(bars.length - 1, Math.max(0, Math.round(from + (to - from) * share)));
    const [first, last] = [at(0.4), at(0.6)];
    for (const i of KINDS[this.tool].points === 1 ? [last] : [first, last]) this.place(bars.pointAt(i, bars.columns.c[i]));
  }

  // The shape at a place on the screen, and which of its points (null: none of them); null where there is none.
  hit(x, y) {
    for (const shape of this.layer.shapes.toReversed()) {
      const near = shape.points.findIndex((point) => { const at = this.layer.at(point); return Math.hypot(at.x - x, at.y - y) < NEAR; });
      if (near >= 0) return { shape, point: near };
      if (this.layer.piecesOf(shape).some((piece) => distance(piece, x, y) < NEAR)) return { shape, point: null };
    }
    return null;
  }

  select(shape) {
    this.layer.chosen = shape;
    this._show();
  }

  // Moves a shape, or one of its points, by bars and by a price, from where it was at `origin`; `done` keeps it.
  move(shape, point, origin, by, done) {
    const { bars } = this._view();
    const moved = { ...shape, points: origin.map((each, i) => (point === null || point === i
      ? { ...(by.bars ? bars.pointAt(bars.position(each.t, each.date) + by.bars) : each), p: each.p + by.price } : each)) };
    this.layer.chosen = moved;
    const shapes = this._shapes.map((other) => (other === shape ? moved : other));
    if (done) this._drawn.put(shapes);
    else this._draw(shapes);
    return moved;
  }

  // Takes a key; whether it was one for the drawings.
  key(event) {
    const chosen = this._shapes.includes(this.layer.chosen) ? this.layer.chosen : null;
    if ((event.ctrlKey || event.metaKey) && event.code === "KeyZ") this.undo(event.shiftKey ? 1 : -1);
    else if (event.ctrlKey || event.metaKey || event.altKey) return false;
    else if (event.key === "Escape" && (this.tool || this.layer.chosen)) this.cancel();
    else if (event.key === "Enter" && this.tool && !event.target.closest("button:not([data-kind])")) this.placeInTheMiddle();
    else if (chosen && (event.key === "Delete" || event.key === "Backspace")) this.remove();
    else if (chosen && event.key.startsWith("Arrow")) this._nudge(chosen, event.key);
    else return false;
    return true;
  }

  _nudge(shape, key) {
    const { drawing } = this._view();
    const { high, low } = drawing.span() ?? { high: 1, low: 0 };
    const price = { ArrowUp: 1, ArrowDown: -1 }[key] ?? 0;
    const bars = { ArrowRight: 1, ArrowLeft: -1 }[key] ?? 0;
    this.move(shape, null, shape.points, { bars, price: price * (high - low) * STEP }, true);
  }

  get _shapes() {
    return this._drawn ? this._drawn.shapes : [];
  }

  _show() {
    if (!this.tool) this._draft = null;
    for (const button of this._buttons) attribute(button, "aria-pressed", String(button.dataset.kind === this.tool));
    const { chosen } = this.layer;
    this._back.disabled = !this._drawn?.can(-1);
    this._remove.disabled = !this._shapes.includes(chosen);
    this._draw(this._shapes);
  }

  _draw(shapes) {
    this.layer.shapes = this._draft ? [...shapes, this._draft] : shapes;
    this.layer.redraw();
  }
}
