// Folds the indicators over the price to their number, so that their names and values do not cover the candles.
import { attribute, h } from "../dom.js";
import { remember, remembered } from "../prefs.js";

const SMALL = { width: 560, height: 340 }; // pixels; a smaller chart begins folded, as on a phone or where four share a window
const FEWEST = 2; // lines; one takes no more room than the button

const kept = remembered("legend", {});
const folded = { small: kept?.small !== false, large: kept?.large === true }; // of small charts, and of others
const all = new Set();

export class LegendFold {
  // `layer` holds the legends; `changed()` hears that they take another height.
  constructor(layer, changed) {
    this._layer = layer;
    this._changed = changed;
    const anew = () => layer.classList.remove("turned");
    this.button = h("button", { type: "button", class: "more", onclick: () => this._turn(), onpointerleave: anew, onblur: anew });
    all.add(this);
  }

  // Takes the lines that can be folded, of which there may be none.
  take(lines) {
    const count = lines.length;
    this._what = `${count} indicator${count === 1 ? "" : "s"}`;
    this.button.hidden = count < FEWEST;
    attribute(this.button, "data-count", count);
    for (const line of lines) line.classList.toggle("over", count >= FEWEST);
    this.fit();
  }

  // Takes the chart's size.
  fit() {
    const { clientWidth: width, clientHeight: height } = this._layer;
    if (!width) return; // not shown
    this._form = width < SMALL.width || height < SMALL.height ? "small" : "large";
    this._layer.classList.toggle("small", this._form === "small");
    this._show();
  }

  _turn() {
    folded[this._form] = !folded[this._form];
    remember("legend", folded);
    this._layer.classList.add("turned"); // until it is pointed at anew, which opens what is folded
    for (const each of all) each._show();
    for (const each of all) each._changed();
  }

  _show() {
    const on = folded[this._form ?? "large"];
    this._layer.classList.toggle("folded", on);
    attribute(this.button, "aria-expanded", String(!on));
    attribute(this.button, "aria-label", `${this._what} over the price`);
    attribute(this.button, "title", `${on ? "Show" : "Fold"} ${this._what}`);
  }
}
