// The line above the chart: symbol, last price, change, call, state of the market, and the intervals to choose from.
import { attribute, fill, h, text } from "../dom.js";
import { clockOf, money, percent, signed, signedPercent, trend } from "../format.js";
import { marketText, nextChange } from "../market.js";
import { callStyle, changeTitle, isCall, moveText, moveTime, moveTitle } from "../quoterow.js";
import { meaningText } from "./notices.js";

const USUAL = innerWidth < 760 ? ["5m", "1h", "1d"] : ["5m", "15m", "1h", "1d", "1w"]; // and the stored one; a menu has the others

export class Heading {
  // `find(name)` gives the elements, `choose(interval)` is called when an interval is chosen.
  constructor(find, choose) {
    this._parts = Object.fromEntries(["symbol", "chosen", "price", "change", "market", "signal", "intervals"].map((name) => [name, find(name)]));
    this._choose = choose;
    this._horizon = null;
    this._quote = null; // of the symbol shown
    this.intervals = []; // none until an answer says which ones a symbol's bars allow
  }

  // Shows a symbol of which nothing else is known yet.
  begin(symbol) {
    this._symbol = symbol;
    text(this._parts.symbol, symbol ?? "–");
    text(this._parts.chosen, symbol ?? "–");
    this.quote(null);
  }

  // Takes how many bars on a call is about, which comes with the first status: before or after the first quote.
  setHorizon(horizon) {
    if (horizon === this._horizon) return;
    this._horizon = horizon;
    this.quote(this._quote ?? undefined);
  }

  // Takes a quote, which may be another symbol's or not known; null shows none.
  quote(quote) {
    if (quote === null) {
      this._quote = null;
      for (const name of ["price", "change", "signal", "market"]) text(this._parts[name], "");
    }
    if (!quote || quote.symbol !== this._symbol) return;
    this._quote = quote;
    const { price, change, market, signal } = this._parts;
    text(price, money(quote.price, quote.decimals, quote.currency));
    text(change, quote.change === null ? "" : `${signed(quote.price - quote.reference, quote.decimals)} (${signedPercent(quote.change)})`);
    attribute(change, "class", trend(quote.change));
    attribute(change, "title", changeTitle(quote));
    const state = quote.market;
    text(market, state ? marketText(state) : "");
    attribute(market, "class", `market ${state?.phase ?? ""}`);
    attribute(market, "title", state && clockOf(state.zone).utc(nextChange(state)));
    const called = isCall(quote.signal);
    text(signal, called ? `${quote.signal} · P(UP) ${percent(quote.probability)}` : quote.move ? `${moveText(quote)} in ${moveTime(quote)}` : "");
    attribute(signal, "class", `badge ${callStyle(quote.signal)}`);
    attribute(signal, "title", called ? `${meaningText(this._horizon, quote.interval) ?? ""} Model ${quote.model}` : quote.move ? moveTitle(quote) : null);
  }

  // The interval `by` buttons beside this one, undefined where there is none.
  beside(interval, by) {
    return this.intervals[this.intervals.indexOf(interval) + by];
  }

  // Shows buttons for the usual ones of these intervals and the one shown, and a menu of the others.
  offer(intervals, shown) {
    this.intervals = intervals;
    this.press(shown);
  }

  press(shown) {
    const stored = this.intervals[0];
    const buttons = this.intervals.filter((interval) => USUAL.includes(interval) || interval === stored || interval === shown);
    if (this._buttons !== `${this.intervals} ${buttons}`) {
      this._buttons = `${this.intervals} ${buttons}`;
      const others = this.intervals.filter((interval) => !buttons.includes(interval));
      fill(this._parts.intervals,
        buttons.map((interval) => h("button", { type: "button", "data-interval": interval, onclick: () => this._choose(interval) }, interval)),
        others.length > 0 && h("select", { "aria-label": "More intervals", onchange: (event) => this._choose(event.target.value) },
          h("option", { value: "", hidden: true, selected: true }, "⋯"), others.map((interval) => h("option", { value: interval }, interval))));
    }
    for (const button of this._parts.intervals.querySelectorAll("button")) attribute(button, "aria-pressed", String(button.dataset.interval === shown));
  }
}
