// What a user puts on one chart, drawings and alerts, joined with its mouse and its keys.
import { mayChange, whoIs } from "../api.js";
import { keyboardTaken } from "../dom.js";
import { firstCandles } from "../firstcandles.js";
import { AlertLines } from "./alertlines.js";
import { Drawings } from "./drawings.js";
import { Gestures } from "./gestures.js";
import { Layer } from "./layer.js";

export class OnChart {
  // `parts` has the elements `canvas` and `tools`; `view()` gives { symbol, daily, bars, drawing } of what is
  // shown, where `daily` says whether the symbol has daily bars only; `active()` says whether keys are about this chart.
  constructor(parts, view, active) {
    this._active = active;
    this._view = view;
    this._parts = parts;
    this._layer = null;
    this.drawings = null;
    this.alerts = null;
    addEventListener("keydown", (event) => this._key(event), { capture: true });
  }

  // Takes new bars: of another symbol, of another interval, or more of them.
  async show() {
    await firstCandles;
    const { symbol, bars, drawing } = this._view();
    if (!bars) return;
    if (!this._layer) this._make(drawing);
    this._layer.bars = bars;
    this.drawings.begin(symbol);
    this.alerts.refresh();
  }

  fire(alert) {
    this.alerts?.fire(alert);
  }

  // Asks for a price at which to set an alert.
  async ask(price) {
    await whoIs();
    if (this._view().bars && mayChange()) this.alerts?.ask(price);
  }

  choose(kind) {
    if (this._view().bars) this.drawings?.choose(kind);
  }

  _make(drawing) {
    this._layer = new Layer(drawing.chart, () => drawing.colors, ({ longBars }) => longBars || this._view().daily);
    drawing.prices.attach(this._layer);
    this.drawings = new Drawings(this._parts.tools, this._layer, this._view);
    this.alerts = new AlertLines(this._layer, this._view);
    new Gestures(this._parts.canvas, this.drawings, this.alerts, this._view, (price) => this.ask(price));
  }

  _key(event) {
    if (!this.drawings || !this._active() || !this._view().bars || this._parts.canvas.offsetParent === null) return;
    if (keyboardTaken(event.target)) return;
    const removes = event.key === "Delete" || event.key === "Backspace";
    if (removes && event.repeat) return; // held down in a field that has closed
    if (!(removes && this.alerts.remove()) && !this.drawings.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}
