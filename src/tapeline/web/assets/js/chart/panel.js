// What stands around a drawing: legend, data window, the line at the foot, and what is said in place of the chart.
import { fill } from "../dom.js";
import { DataWindow } from "./datawindow.js";
import { Legend } from "./legend.js";
import { meaningText, showState } from "./notices.js";

export class Panel {
  // `edit(spec)` and `remove(spec)` are called by a study's buttons.
  constructor(parts, actions) {
    this._parts = parts;
    this._legend = new Legend(parts.legend, parts.canvas, actions);
    this._values = new DataWindow(parts.values);
    this._drawing = null;
    this._pointed = null; // the index of the bar under the crosshair
    this.horizon = null;
  }

  // How many bars ahead the model's calls look, null where that is not known.
  setHorizon(horizon) {
    if (horizon === this.horizon) return;
    this.horizon = horizon;
    if (this._drawing) this.rebuild(this._drawing);
  }

  // Takes what is drawn now.
  rebuild(drawing) {
    this._drawing = drawing;
    this._legend.rebuild(drawing);
    this._parts.key.hidden = drawing.callsPane === null;
    fill(this._parts.meaning, drawing.callsPane !== null && meaningText(this.horizon));
    this.show();
  }

  // Shows the values of the bar under the crosshair, otherwise of the newest.
  show() {
    if (!this._drawing?.bars) return;
    const i = Math.min(this._pointed ?? Infinity, this._drawing.bars.length - 1);
    this._legend.show(i);
    this._values.show(this._drawing, i);
  }

  point(i) {
    this._pointed = i;
    this.show();
  }

  odds(words) {
    this._legend.odds(words);
  }

  // Says this in place of the chart; null shows the chart.
  say(state, symbol, detail) {
    this._parts.menu.disabled = state !== null;
    showState(this._parts.state, state, symbol, detail);
  }
}
