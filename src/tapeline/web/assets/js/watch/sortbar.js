// The headings of the watch-list that sort it. In a list of one's own, none is pressed until one is.
import { attribute, h } from "../dom.js";
import { remember, remembered } from "../prefs.js";
import { SORTS, sorted } from "../watchorder.js";

export class SortBar {
  // `changed()` hears that another order is wanted.
  constructor(root, changed) {
    this._changed = changed;
    this._sort = remembered("sort", null);
    if (!(this._sort?.by in SORTS)) this._sort = { by: "symbol", way: 1 };
    this._listed = false; // whether a list of one's own is shown
    this._own = true; // whether a list of one's own stands in its own order
    this._headings = Object.entries(SORTS).map(([by, { label }]) => h("button", { type: "button", "data-by": by, onclick: () => this._by(by) }, h("span", {}, label)));
    root.append(...this._headings);
    this._show();
  }

  // Whether these lines (null: all symbols) stand in their own order.
  owns(lines) {
    this._listed = lines !== null;
    return this._listed && this._own;
  }

  sorted(quotes) {
    return sorted(quotes, this._sort);
  }

  // Whether a quote may have another place than the one before.
  moves(before, quote) {
    const { key } = SORTS[this._sort.by];
    return key(before) !== key(quote);
  }

  // Another press turns the order round, and a third one gives a list its own order back.
  _by(by) {
    const again = this._sort.by === by && !(this._listed && this._own);
    this._own = this._listed && again && this._sort.way !== SORTS[by].first;
    this._sort = { by, way: again ? -this._sort.way : SORTS[by].first };
    remember("sort", this._sort);
    this._show();
    this._changed();
  }

  _show() {
    const { by, way } = this._sort;
    for (const heading of this._headings) {
      const pressed = heading.dataset.by === by;
      attribute(heading, "aria-pressed", String(pressed));
      attribute(heading, "data-way", pressed ? (way > 0 ? "up" : "down") : null);
      attribute(heading, "title", `Sort by ${SORTS[heading.dataset.by].title ?? SORTS[heading.dataset.by].label.toLowerCase()}${pressed ? ", in reverse" : ""}`);
    }
  }
}
