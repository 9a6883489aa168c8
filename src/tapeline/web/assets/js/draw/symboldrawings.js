// The drawings of one symbol and the steps to undo them, shared by all charts that show the symbol: kept apart, what is
// drawn on one chart would replace what was drawn on another.
import { keep, recall } from "../desk.js";
import { usable } from "./shapes.js";
import { Undo } from "./undo.js";

const all = new Map(); // by symbol, those that a chart shows or that are on their way

export class SymbolDrawings {
  // The drawings of this symbol for a chart, whose `show` is called when they have changed.
  static join(symbol, show) {
    if (!all.has(symbol)) all.set(symbol, new SymbolDrawings(symbol));
    const found = all.get(symbol);
    found._charts.add(show);
    return found;
  }

  constructor(symbol) {
    this._symbol = symbol;
    this._undo = new Undo([]);
    this._charts = new Set();
    this._known = false; // whether what was kept of the symbol has arrived
    this._ask();
  }

  get shapes() {
    return this._undo.state;
  }

  // Whether there is a state that many steps away.
  can(by) {
    return this._undo.can(by);
  }

  put(shapes) {
    this._undo.put(shapes);
    this._changed();
  }

  // Goes that many steps; whether there was a state.
  go(by) {
    if (this._undo.go(by) === null) return false;
    this._changed();
    return true;
  }

  leave(show) {
    this._charts.delete(show);
    this._rest();
  }

  async _ask() {
    this._undo.lay(usable(await recall(this._name)));
    this._known = true;
    if (this.can(-1) || this.can(1)) this._changed(); // something was drawn meanwhile
    else this._show();
    this._rest();
  }

  get _name() {
    return `drawings:${this._symbol}`;
  }

  _changed() {
    if (this._known) keep(this._name, { shapes: this.shapes }); // else it would replace what was kept
    this._show();
  }

  _show() {
    for (const show of this._charts) show();
  }

  _rest() {
    if (this._known && !this._charts.size) all.delete(this._symbol);
  }
}
