// How many charts are shown side by side, which of them is in use, and what they share.
import { keep } from "./desk.js";
import { attribute } from "./dom.js";
import { chartHash, readRoute } from "./route.js";

export const COUNTS = { 1: "One chart", 2: "Two charts", 4: "Four charts" };
export const LINKS = { symbol: "Symbol", interval: "Interval", crosshair: "Crosshair" };

export class Layout {
  // `section` holds the first chart's element. `make(root)` makes a chart in such an element; `changed()` hears that another
  // chart is in use.
  constructor(section, make, changed) {
    this._section = section;
    this._template = section.firstElementChild.cloneNode(true);
    this._make = make;
    this._changed = changed;
    this.links = { symbol: false, interval: false, crosshair: true };
    this.charts = [];
    this.count = 1;
    this._active = 0;
    this._add(section.firstElementChild);
  }

  // The chart that watch-list and keys are about, and all that are shown.
  get active() { return this.charts[this._active]; }
  get shown() { return this.charts.slice(0, this.count); }

  // The address of what is shown.
  get hash() {
    const [one, ...others] = this.shown;
    return chartHash(one.symbol, one.interval, others.filter(({ symbol }) => symbol !== null));
  }

  // Says in the address what is shown where it is not what was asked for, unless something else is asked for by now.
  settle() {
    const { tab, others, ...first } = readRoute();
    const asked = [first, ...others];
    if (tab !== "chart" || asked.length !== this.count || location.hash === this.hash) return;
    if (asked.every(({ symbol, interval }, k) => this.charts[k].shows(symbol, interval))) history.replaceState(null, "", this.hash);
  }

  // Shows this many charts; those that are not there yet are made.
  arrange(count) {
    while (this.charts.length < count) {
      const root = this._template.cloneNode(true);
      this._section.append(root);
      this._add(root);
    }
    this.charts.forEach((chart, k) => {
      chart.root.hidden = k >= count;
      if (k >= count && chart.symbol !== null) chart.show(null, chart.wanted); // nothing, until something is shown again
    });
    this.count = count;
    attribute(this._section, "data-count", count);
    this._activate(Math.min(this._active, count - 1));
  }

  // What the charts show once the active one shows this, and with it those that share it: a list of { symbol, interval }.
  after(symbol, interval, count = this.count) {
    const kept = Array.from({ length: count }, (_, k) => this.charts[k]?.symbol ? this.charts[k] : this.active);
    return kept.map((chart, k) => ({
      symbol: k === this._active || this.links.symbol ? symbol : chart.symbol,
      interval: k === this._active || this.links.interval ? interval : chart.wanted,
    }));
  }

  // Points the other charts at the time that one is pointed at; null: at none.
  point(chart, time) {
    if (!this.links.crosshair) return;
    for (const other of this.shown) if (other !== chart) other.pointAt(time);
  }

  // Keeps for this user what is shown and shared.
  save() {
    keep("layout", { charts: this.shown.map(({ symbol, wanted }) => ({ symbol, interval: wanted })), links: this.links });
  }

  // Takes what was kept; the charts of it, null where there are none to be shown.
  restore({ charts, links }) {
    for (const name of Object.keys(LINKS)) if (typeof links?.[name] === "boolean") this.links[name] = links[name];
    const isChart = (chart) => typeof chart?.symbol === "string" && typeof chart?.interval === "string";
    return Array.isArray(charts) && charts.length in COUNTS && charts.every(isChart) ? charts : null;
  }

  _add(root) {
    const chart = this._make(root);
    const index = this.charts.push(chart) - 1;
    for (const name of ["pointerdown", "focusin"]) root.addEventListener(name, () => this._activate(index), { capture: true });
    root.addEventListener("pointerleave", () => this.point(chart, null));
    attribute(root, "aria-label", `Chart ${index + 1}`);
  }

  _activate(index) {
    this.charts.forEach(({ root }, k) => attribute(root, "data-active", k === index ? "" : null));
    if (index === this._active) return;
    this._active = index;
    this._changed();
  }
}
