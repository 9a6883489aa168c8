// Other symbols' closes on the chart, as lines on a scale in percent. They are columns of the bars, as indicators are.
import { remember, remembered } from "../prefs.js";
import { askBars, unknown } from "./loading.js";

const MOST = 5;
const NEWEST = 40; // bars asked for again when a new one has come
const PREFIX = "vs ";

export class Compare {
  // `shown()` gives the bars that are shown, null without any; `changed(error)` hears that columns came or went, or why they
  // did not.
  constructor(shown, changed) {
    this._shown = shown;
    const kept = remembered("compare", []);
    this.symbols = Array.isArray(kept) ? kept.filter((symbol) => typeof symbol === "string").slice(0, MOST) : [];
    this._changed = changed;
    this._count = 0; // bars at the last question
    this._asked = 0; // counts the questions
    this._taken = 0; // the newest one whose answer is here
    this._failed = new Map(); // by symbol, why the last question about it was refused
  }

  // Draws another symbol beside the one that is shown, if the server has it; resolves to why not, "" where it is drawn.
  async add(symbol) {
    const full = `At most ${MOST} symbols, each once.`;
    if (this.symbols.includes(symbol) || this.symbols.length >= MOST) return full;
    const { error } = await askBars(symbol, { interval: this._shown()?.interval, limit: 1, indicators: [] });
    if (error) return `${symbol} cannot be compared: ${error.message}.`;
    return this.set(symbol, true) ? "" : full;
  }

  // Draws another symbol beside the one that is shown, or no more; whether that was possible.
  set(symbol, on) {
    if (on && (this.symbols.includes(symbol) || this.symbols.length >= MOST)) return false;
    this.symbols = [...this.symbols.filter((other) => other !== symbol), ...(on ? [symbol] : [])];
    remember("compare", this.symbols);
    const bars = this._shown();
    if (bars && on) this.load(bars);
    else if (bars) this._changed(null);
    return true;
  }

  // Draws the symbol of a study no more; whether it was one that `studies` made.
  remove(spec) {
    return Boolean(spec?.startsWith(PREFIX)) && this.set(spec.slice(PREFIX.length), false);
  }

  // What to draw of these bars, as the catalogue describes indicators.
  studies(bars) {
    return this.symbols.filter((symbol) => symbol !== bars.symbol && bars.column(PREFIX + symbol)).map((symbol) => ({
      spec: PREFIX + symbol, indicator: { name: "compare", title: `${symbol} beside ${bars.symbol}`, parameters: [] }, numbers: [],
      overPrice: true, compared: true, columns: [{ name: PREFIX + symbol, suffix: "", style: "line", drawn: false }], // see CompareLines
    }));
  }

  // Asks for all closes that belong to these bars.
  async load(bars) {
    this._count = bars.length;
    await this._ask(bars, bars.length, this.symbols);
  }

  // Asks for the newest closes where a bar was added since the last question.
  async follow(bars) {
    if (bars.length === this._count || !this.symbols.length) return;
    this._count = bars.length;
    await this._ask(bars, NEWEST, this.symbols);
  }

  async _ask(bars, limit, symbols) {
    const turn = ++this._asked;
    const others = symbols.filter((symbol) => symbol !== bars.symbol);
    const answers = await Promise.all(others.map((symbol) => askBars(symbol, { interval: bars.interval, limit, indicators: [] })));
    const late = turn < this._taken; // what a later answer said stays
    this._taken = Math.max(this._taken, turn);
    answers.forEach(({ value, error }, k) => {
      const known = bars.column(PREFIX + others[k]);
      if (error) this._fail(others[k], error);
      else this._failed.delete(others[k]);
      if (value) bars.put(PREFIX + others[k], aligned(bars.t, value.columns, known).map((close, i) => (late ? known?.[i] ?? close : close)));
    });
    if (others.length && bars === this._shown()) this._changed(null);
  }

  // Tells once why a symbol cannot be compared, and forgets one that the server does not know any more.
  _fail(symbol, error) {
    if (!this.symbols.includes(symbol) || this._failed.get(symbol) === error.message) return;
    this._failed.set(symbol, error.message);
    if (unknown(error)) {
      this.symbols = this.symbols.filter((other) => other !== symbol);
      remember("compare", this.symbols);
    }
    this._changed(`${symbol} ${unknown(error) ? "is no longer compared" : "cannot be compared"}: ${error.message}.`);
  }
}

// The closes at these times: of the other's last bar that opened by then. Before its first bar stands what was `known`.
export function aligned(times, { t, c }, known = null) {
  let k = -1;
  return times.map((time, i) => {
    while (k + 1 < t.length && t[k + 1] <= time) k++;
    return k < 0 ? known?.[i] ?? null : c[k];
  });
}
